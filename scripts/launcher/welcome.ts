export interface WelcomeInput {
  apiUrl: string;
  simulatorUrl: string;
  testKey: string;
  folder: string;
  startedInMs: number;
}

/** A phone of the simulator that scans, and one that answers with an echo. */
const OWN_PHONE = '12025550100';
const ECHO_PHONE = '12025550111';

/** What somebody needs to know who has just started wagate; each curl line works as it stands. */
export function welcome({ apiUrl, simulatorUrl, testKey, folder, startedInMs }: WelcomeInput): string {
  const api = `${apiUrl}/api/v1`;
  const auth = `-H 'Authorization: Bearer ${testKey}'`;
  const json = `-H 'Content-Type: application/json'`;
  const toScan = `sed 's/.*"qr":"\\([^"]*\\)".*/{"qr":"\\1","phone":"${OWN_PHONE}"}/'`;
  return `
wagate is up (${(startedInMs / 1_000).toFixed(1)} s). Ctrl-C stops everything; the data stays in ${folder}

  API          ${api}
  Swagger      ${apiUrl}/docs
  Simulator    ${simulatorUrl}    our own WhatsApp, for trying things out without a phone
  Test key     ${testKey}

The first message, on the simulator:

  1. open a session, and see its QR (data that a phone would scan)
     curl -s -X POST ${api}/sessions/init ${auth} ${json} -d '{"name":"main"}'

  2. scan it with the simulated phone ${OWN_PHONE}, here or on the simulator's page
     curl -s '${api}/sessions/main/qr?wait=20' ${auth} | ${toScan} | curl -s -X POST ${simulatorUrl}/scan ${json} -d @-

  3. a few seconds later, send a text to the echo, and see it answer
     curl -s -X POST '${api}/messages/send-text?wait=delivered' ${auth} ${json} -d '{"session":"main","recipient":"${ECHO_PHONE}","message":"Hello"}'
     curl -s '${api}/messages?limit=5' ${auth}
`;
}
