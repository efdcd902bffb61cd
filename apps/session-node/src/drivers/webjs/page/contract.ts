import { page } from './wa.js';

/** Modules and members of WhatsApp Web that we, or the library on our way, rely on. */
const CONTRACT: readonly (readonly [module: string, members: readonly string[]])[] = [
  ['WAWebCollections', ['Msg', 'Chat', 'Contact']],
  ['WAWebSocketModel', ['Socket']],
  ['WAWebStreamModel', ['Stream']],
  ['WAWebConnModel', ['Conn']],
  ['WAWebCmd', ['Cmd']],
  ['WAWebMsgKey', ['newId']],
  ['WAWebWidFactory', ['createWid', 'asUserWidOrThrow']],
  ['WAWebUserPrefsMeUser', ['getMaybeMePnUser', 'getMaybeMeLidUser']],
  ['WAWebApiContact', ['getCurrentLid', 'getPhoneNumber']],
  ['WAWebQueryExistsJob', ['queryWidExists']],
  ['WAWebFindChatAction', ['findOrCreateLatestChat']],
  ['WAWebSendMsgChatAction', ['addAndSendMsgToChat']],
  ['WAWebChatLoadMessages', ['loadEarlierMsgs']],
  ['WAWebChatGetters', ['getIsNewsletter', 'getIsBroadcast']],
  ['WALinkify', ['findLink']],
  ['WAWebMsgReply', ['canReplyMsg']],
  ['WAWebGetEphemeralFieldsMsgActionsUtils', ['getEphemeralFields']],
  ['WAWebPrepRawMedia', ['prepRawMedia']],
  ['WAWebMediaOpaqueData', ['createFromData']],
  ['WAWebMediaStorage', ['getOrCreateMediaObject']],
  ['WAWebMmsMediaTypes', ['msgToMediaType']],
  ['WAWebMediaMmsV4Upload', ['uploadMedia']],
  ['WAWebDownloadManager', ['downloadManager']],
];

/** Names of what is missing: `WAWebMsgKey`, or `WAWebMsgKey.newId`. */
export function brokenContracts(): string[] {
  return CONTRACT.flatMap(([name, members]) => {
    const found = findModule(name);
    if (!found) return [name];
    return members.filter((member) => !(member in found)).map((member) => `${name}.${member}`);
  });
}

function findModule(name: string): object | undefined {
  try {
    const found = page.require(name);
    return found === null || (typeof found !== 'object' && typeof found !== 'function') ? undefined : found;
  } catch {
    // The page throws for a module it does not have.
    return undefined;
  }
}
