import type { RawProbe } from './agent-api.js';
import { brokenContracts } from './contract.js';
import { idsOf, toWid, widText } from './ids.js';
import { listenerSets } from './inbox-queue.js';
import { shimReports } from './shims/index.js';
import { page, wa } from './wa.js';

function valueOf<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // A module that is not there is told by the contract probe.
    return undefined;
  }
}

/** What the page says of itself right now. Never throws: a missing part is a finding. */
export function probe(): RawProbe {
  return {
    socketState: valueOf(() => wa('WAWebSocketModel').Socket.state) ?? null,
    hasSynced: valueOf(() => wa('WAWebSocketModel').Socket.hasSynced) === true,
    streamMode: valueOf(() => wa('WAWebStreamModel').Stream.mode) ?? null,
    listenerSets: listenerSets(),
    hasUtils: page.WWebJS !== undefined,
    waVersion: page.Debug?.VERSION ?? null,
    broken: brokenContracts(),
    shims: shimReports(),
    me: valueOf(ownIdentity) ?? null,
  };
}

function ownIdentity(): RawProbe['me'] {
  const prefs = wa('WAWebUserPrefsMeUser');
  const waId = widText(prefs.getMaybeMePnUser());
  const phone = waId?.split('@')[0];
  if (waId === undefined || phone === undefined) return null;
  return {
    phone,
    waId,
    lid: widText(prefs.getMaybeMeLidUser()) ?? null,
    name: wa('WAWebConnModel').Conn.pushname ?? null,
  };
}

/** Asks for a new QR when the page stopped making them by itself. */
export function refreshQr(): void {
  wa('WAWebCmd').Cmd.refreshQR?.();
}

/** One pairing code for this phone; the library's own way would go on asking for codes by itself. */
export async function requestPairingCode(phone: string): Promise<string> {
  const linking = wa('WAWebAltDeviceLinkingApi');
  linking.setPairingType('ALT_DEVICE_LINKING');
  await linking.initializeAltDeviceLinking();
  return linking.startAltLinkingFlow(phone, true);
}

export async function checkNumbers(
  phones: string[],
): Promise<{ phone: string; exists: boolean; waId: string | null; lid: string | null }[]> {
  const results = [];
  for (const phone of phones) {
    const asked = `${phone}@c.us`;
    const answer = await wa('WAWebQueryExistsJob').queryWidExists(toWid(asked));
    const found = widText(answer?.wid);
    const ids = found === undefined ? undefined : idsOf(found);
    results.push({
      phone,
      exists: ids !== undefined,
      waId: ids ? (ids.phone ? ids.id : asked) : null,
      lid: ids?.lid ?? null,
    });
  }
  return results;
}

export function logout(): Promise<void> {
  return wa('WAWebSocketModel').Socket.logout();
}
