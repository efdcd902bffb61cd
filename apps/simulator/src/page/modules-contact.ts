import type { WirePerson } from '../wire.js';
import type { Contact } from './contact.js';
import { Collection } from './collection.js';
import type { PageSession } from './session.js';
import { type Wid, createWid } from './wid.js';

/** Modules of contacts: who is on WhatsApp, phone and LID of one person, names. */
export function contactModules(page: PageSession): Record<string, object> {
  const { people } = page.store;
  const lidOf = (wid: Wid) => {
    const person = people.byWid(wid);
    return person && people.lidWid(person);
  };
  const phoneOf = (wid: Wid) => {
    const person = people.byWid(wid);
    return person && people.phoneWid(person);
  };
  return {
    WAWebQueryExistsJob: { queryWidExists: (wid: Wid) => queryWidExists(page, createWid(wid)) },
    WAWebApiContact: {
      getCurrentLid: (wid: Wid) => (wid.isLid() ? wid : lidOf(wid)),
      getPhoneNumber: (wid: Wid) => (wid.isLid() ? phoneOf(wid) : wid),
      getAlternateUserWid: (wid: Wid) => (wid.isLid() ? phoneOf(wid) : lidOf(wid)),
    },
    WAWebLidMigrationUtils: {
      toPn: (wid: Wid) => (wid.isLid() ? phoneOf(wid) : wid),
      toLid: (wid: Wid) => (wid.isLid() ? wid : lidOf(wid)),
    },
    WAWebContactGetters: contactGetters(page),
    WAWebFrontendContactGetters: {
      getIsMyContact: (contact: Contact) => contact.name !== undefined,
    },
    WAWebContactProfilePicThumbBridge: { requestProfilePicFromServer: () => Promise.resolve(undefined) },
    WAWebContactStatusBridge: {
      getStatus: () => Promise.resolve({ status: 'Hey there! I am using WhatsApp.' }),
      setMyStatus: () => Promise.resolve(),
    },
    WAWebFindCommonGroupsContactAction: {
      findCommonGroups: (contact: Contact) => {
        const shared = page.store.chats.filter(
          (chat) => chat.groupMetadata?.participants.get(contact.id) !== undefined,
        );
        const groups = new Collection();
        for (const chat of shared) groups.add(chat);
        contact.set({ commonGroups: groups });
        return Promise.resolve(true);
      },
    },
    WAWebPhoneUtils: { formattedPhoneNumber: (jid: string) => `+${jid.split('@')[0] ?? ''}` },
    WAWebApiDeviceList: { getDeviceIds: () => Promise.resolve([{ devices: [{ id: 0 }] }]) },
    WAWebBizGatingUtils: { smbNotesV1Enabled: () => false },
  };
}

/** Asks the network; from then on this page knows the person's LID. */
async function queryWidExists(page: PageSession, wid: Wid): Promise<{ wid: Wid; lid: Wid } | null> {
  const { people, contacts } = page.store;
  const { user, server } = wid;
  const person = await page.connection.request<WirePerson | undefined>({ name: 'exists', user, server });
  if (person === undefined) return null;
  people.learn([person]);
  contacts.learn(person);
  await page.store.save({ people: [person] });
  const lid = people.lidWid(person);
  return { wid: server === 'lid' ? lid : (people.phoneWid(person) ?? lid), lid };
}

function contactGetters({ store }: PageSession): object {
  return {
    getIsMe: (contact: Contact) => store.people.byWid(contact.id) === store.people.me,
    getIsUser: (contact: Contact) => contact.id.isUser(),
    getIsGroup: (contact: Contact) => contact.id.isGroup(),
    getIsWAContact: (contact: Contact) => store.people.byWid(contact.id) !== undefined,
    getUserid: (contact: Contact) => contact.phoneNumber?.user ?? contact.id.user,
    getVerifiedName: () => undefined,
    getVerifiedLevel: () => undefined,
    getStatusMute: () => false,
    getName: (contact: Contact) => contact.name,
    getShortName: (contact: Contact) => contact.name,
    getPushname: (contact: Contact) => contact.pushname,
    getIsEnterprise: () => false,
  };
}
