import type { PageAgentApi } from './agent-api.js';
import { download, mediaSize } from './downloads.js';
import { attachCalls } from './calls.js';
import { attachInbox, drain, tellNotice, tellReactions } from './inbox-queue.js';
import { checkNumbers, logout, probe, refreshQr, requestPairingCode } from './login.js';
import { lookup } from './lookup.js';
import { attachSend, cancelSend, NOT_READY, OTHER_DOCUMENT, send } from './send.js';
import { applyShims } from './shims/index.js';
import { announceMissedSync } from './shims/warm-sync.js';
import { changesSince, standOf } from './changes.js';
import { directory } from './directory.js';
import { attachReactions } from './reactions.js';
import { acksOf, chatHeads, sweep } from './sweep.js';
import { showTyping } from './typing.js';
import { attachVotes } from './votes.js';
import { addChunk, attachTransfers, dropTransfer, readChunk } from './transfers.js';

let attached = false;
/** Everything of ours is in place: only then does a send take the id it was given. */
let isReady = false;

const agent: PageAgentApi = {
  prepare: () => applyShims('early'),
  announceSync: announceMissedSync,
  attach() {
    if (attached) return;
    attached = true;
    applyShims('late');
    attachTransfers();
    attachSend();
    attachInbox();
    attachReactions(tellReactions);
    attachCalls(tellNotice);
    attachVotes(tellNotice);
    isReady = true;
  },
  probe,
  refreshQr,
  requestPairingCode,
  showTyping: (chatId) => (isReady ? showTyping(chatId) : Promise.resolve(false)),
  send: (order) => (isReady ? send(order) : Promise.resolve(NOT_READY)),
  cancelSend: (waMessageId, chatId) =>
    isReady ? cancelSend(waMessageId, chatId) : Promise.resolve(OTHER_DOCUMENT),
  lookup,
  checkNumbers,
  drain,
  chatHeads,
  sweep,
  changesSince,
  standOf,
  acksOf,
  directory,
  addChunk,
  dropTransfer,
  mediaSize,
  download,
  readChunk,
  logout,
};

// A document gets one agent, however often the script comes.
const host = window as unknown as { wagateAgent?: PageAgentApi };
host.wagateAgent ??= agent;
