import { VERSION, boot } from './boot.js';
import type { Chat } from './chat.js';
import { chatModules, findOrCreateChat } from './modules-chat.js';
import { contactModules } from './modules-contact.js';
import { groupModules } from './modules-group.js';
import { loginModules } from './modules-login.js';
import { mediaModules } from './modules-media.js';
import { messageModules } from './modules-message.js';
import { defineModules, requireModule } from './modules.js';
import { PageSession } from './session.js';
import type { Wid } from './wid.js';

const page: PageSession = new PageSession((wid: Wid): Promise<Chat> => findOrCreateChat(page, wid));

for (const modules of [
  loginModules,
  chatModules,
  messageModules,
  contactModules,
  groupModules,
  mediaModules,
]) {
  defineModules(modules(page));
}

/** As many megabytes of live objects as asked for, so that a page weighs what the real one weighs. */
const ballast = Array.from({ length: boot.heapMb * 8 }, (_, row) =>
  Array.from({ length: 16 * 1024 }, (__, column) => row + column + 0.5),
);

Object.assign(window, {
  Debug: { VERSION },
  require: requireModule,
});
// Held for as long as the page lives.
Object.defineProperty(window, 'ballast', { value: ballast, enumerable: false });

void page.start();
