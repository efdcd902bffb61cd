/** Where the API is and with which key; from the environment, or from the wagate that runs in this checkout. */
export interface ApiAccess {
  url: string;
  key: string;
  simulatorUrl: string | undefined;
}

const TIMEOUT_MS = 60_000;

/** @throws Error that says what is missing */
export function readAccess(env: NodeJS.ProcessEnv = process.env): ApiAccess {
  const { WAGATE_URL, WAGATE_KEY, SIMULATOR_URL } = env;
  if (!WAGATE_URL || !WAGATE_KEY) {
    throw new Error(
      'set WAGATE_URL (http://127.0.0.1:3000) and WAGATE_KEY, or run npm start in this checkout first',
    );
  }
  return { url: `${WAGATE_URL.replace(/\/$/, '')}/api/v1`, key: WAGATE_KEY, simulatorUrl: SIMULATOR_URL };
}

/** One request to the API. @throws Error with its problem, as a person reads it */
export async function callApi<T>(
  access: ApiAccess,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  return callJson<T>(`${access.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${access.key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** One request to the simulator's control API. @throws Error */
export async function callSimulator<T>(access: ApiAccess, path: string, body: unknown): Promise<T> {
  if (!access.simulatorUrl)
    throw new Error('set SIMULATOR_URL: only the simulator lets things happen on demand');
  return callJson<T>(`${access.simulatorUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function callJson<T>(url: string, init: RequestInit): Promise<T> {
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(
    (cause: unknown) => {
      throw new Error(`nobody answers at ${new URL(url).origin}`, { cause });
    },
  );
  const text = await answer.text();
  if (answer.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
  throw new Error(describe(answer.status, text));
}

function describe(status: number, text: string): string {
  try {
    const { code, detail, error } = JSON.parse(text) as Record<string, string | undefined>;
    return `${String(status)} ${code ?? ''}: ${detail ?? error ?? text}`;
  } catch {
    return `${String(status)}: ${text.slice(0, 200)}`;
  }
}
