import { type Account, type Group, type Logins, type MessageView, call } from './api.js';
import { fileContent, messageType } from './file-content.js';
import { button, byId, element, fillSelect, notify, replaceItems, selectOf } from './widgets.js';

interface State {
  accounts: Account[];
  groups: Group[];
  logins: Logins;
  messages: MessageView[];
}

let shown = '';

async function refresh(): Promise<void> {
  const [accounts, groups, logins, received, sent, health] = await Promise.all([
    call<Account[]>('GET', '/accounts'),
    call<Group[]>('GET', '/groups'),
    call<Logins>('GET', '/logins?svg=1'),
    call<MessageView[]>('GET', '/messages?limit=50'),
    call<MessageView[]>('GET', '/sent?limit=50'),
    call<{ profile: string }>('GET', '/health'),
  ]);
  const messages = [...received, ...sent].sort((a, b) => a.order - b.order).slice(-50);
  byId('status').textContent = `Serving build ${health.profile} of the page`;
  const state = { accounts, groups, logins, messages };
  const next = JSON.stringify(state);
  // A list somebody is choosing from is not rebuilt under their hands.
  if (next === shown || document.activeElement instanceof HTMLSelectElement) return;
  shown = next;
  show(state);
}

function show(state: State): void {
  showWaiting(state);
  showLinked(state);
  showPeople(state);
  showMessages(state);
  const people = state.accounts.map(({ phone, name }) => ({ value: phone, text: `${name} (${phone})` }));
  const groups = state.groups.map(({ id, subject }) => ({ value: id, text: `Group: ${subject}` }));
  const linked = state.logins.linked.map(({ phone }) => phone);
  const friend = state.accounts.find(({ phone, persona }) => persona === 'none' && !linked.includes(phone));
  fillSelect(selectOf('send', 'from'), people, friend?.phone);
  fillSelect(selectOf('send', 'to'), [...people, ...groups], linked[0]);
  fillSelect(selectOf('group', 'members'), people);
}

function showWaiting({ logins, accounts }: State): void {
  byId('waiting-card').classList.toggle('lively', logins.waiting.length > 0);
  const linked = new Set(logins.linked.map(({ phone }) => phone));
  const free = accounts.filter(({ phone, persona }) => persona === 'none' && !linked.has(phone));
  const items = logins.waiting.map(({ qr, svg, pairingCode, pairingPhone }) => {
    const item = element('li');
    const picture = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
    const text = pairingCode
      ? `Pairing code ${pairingCode} for ${pairingPhone ?? ''}`
      : 'A session shows this QR.';
    const choice = element('select');
    choice.setAttribute('aria-label', 'Phone that scans');
    fillSelect(choice, [
      ...free.map(({ phone, name }) => ({ value: phone, text: `${name} (${phone})` })),
      { value: newPhone(accounts), text: 'A new phone' },
    ]);
    const scan = button('Scan', () =>
      pairingCode === undefined
        ? link({ qr, phone: choice.value })
        : link({ code: pairingCode, phone: pairingPhone ?? '' }),
    );
    item.append(document.importNode(picture, true), element('span', 'grow', text));
    if (pairingCode === undefined) item.append(choice);
    item.append(scan);
    return item;
  });
  replaceItems('waiting', items, 'Nobody is waiting.');
}

function newPhone(accounts: Account[]): string {
  const taken = new Set(accounts.map(({ phone }) => phone));
  let number = 12_025_550_120;
  while (taken.has(String(number))) number += 1;
  return String(number);
}

async function link(by: { qr: string; phone: string } | { code: string; phone: string }): Promise<void> {
  await call('POST', 'qr' in by ? '/scan' : '/pair', by);
  notify(`${by.phone} is linked.`);
  await refresh();
}

function showLinked({ logins }: State): void {
  const items = logins.linked.map(({ phone, name, connected, queued }) => {
    const item = element('li');
    const tag = element('span', connected ? 'tag on' : 'tag', connected ? 'connected' : 'away');
    item.append(element('span', 'grow', `${name} (${phone})`), tag);
    if (queued > 0) item.append(element('span', 'tag', `${queued} queued`));
    item.append(
      button('Drop connection', () => call('POST', `/logins/${phone}/drop`, {}), 'quiet'),
      button('Unlink', () => call('POST', `/logins/${phone}/unlink`, {}), 'quiet'),
    );
    return item;
  });
  replaceItems('linked', items, 'No session is linked yet.');
}

const PERSONAS: Record<string, string> = {
  echo: 'answers with the same',
  'late-reader': 'reads after five seconds',
  'sends-picture': 'answers with a picture',
  fails: 'refuses every message',
  'changes-its-mind': 'reacts, edits and deletes',
  'two-ids': 'answers under its LID and its number',
  unreadable: 'cannot be decrypted for 20 seconds',
};

function showPeople({ accounts, groups }: State): void {
  const people = accounts.map(({ phone, name, persona }) => {
    const item = element('li');
    item.append(element('span', 'grow', `${name} · ${phone}`));
    const habit = PERSONAS[persona];
    if (habit !== undefined) item.append(element('span', 'tag', habit));
    return item;
  });
  replaceItems('accounts', people, 'Nobody is here yet.');
  const list = groups.map(({ subject, members }) => {
    const item = element('li');
    item.append(element('span', 'grow', subject), element('span', 'tag', `${members.length} members`));
    return item;
  });
  replaceItems('groups', list, 'There are no groups.');
}

const ACKS: Record<number, string> = { 0: 'handed over', 1: 'sent', 2: 'delivered', 3: 'read', 4: 'played' };

function showMessages({ messages, accounts, groups }: State): void {
  const nameOf = (id: string) =>
    accounts.find(({ phone }) => phone === id)?.name ??
    groups.find((group) => group.id === id)?.subject ??
    id;
  const items = messages.map(({ from, to, type, body, caption, media, ack, handOvers, timestamp }) => {
    const item = element('li', ack === undefined ? '' : 'out');
    const time = new Date(timestamp * 1000).toLocaleTimeString();
    const state =
      ack === undefined ? 'from a phone' : `from a session, ${ack < 0 ? 'failed' : (ACKS[ack] ?? '')}`;
    const twice = (handOvers ?? 0) > 1 ? `, handed over ${handOvers} times` : '';
    item.append(element('div', 'who', `${nameOf(from)} → ${nameOf(to)} · ${time} · ${state}${twice}`));
    if (media !== undefined) {
      const size = `${Math.ceil(media.size / 1024)} KB`;
      item.append(element('div', 'dim', `${type}: ${media.filename ?? media.mimeType}, ${size}`));
    }
    item.append(element('div', 'text', body ?? caption ?? ''));
    return item;
  });
  const list = byId('messages');
  const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 40;
  replaceItems('messages', items, 'No message yet. Link a session above, then send one.');
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function onSubmit(formId: string, action: (data: FormData) => Promise<unknown>): void {
  const form = byId(formId) as HTMLFormElement;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    action(new FormData(form)).then(
      () => refresh(),
      (error: unknown) => notify(String(error)),
    );
  });
}

const textOf = (data: FormData, name: string) => {
  const value = data.get(name);
  return typeof value === 'string' ? value.trim() : '';
};

onSubmit('scan', (data) => {
  const code = textOf(data, 'code');
  const phone = textOf(data, 'phone');
  return link(code.includes(',') ? { qr: code, phone } : { code, phone });
});

onSubmit('send', async (data) => {
  const file = data.get('file');
  const media = file instanceof File && file.size > 0 ? await fileContent(file) : undefined;
  const body = textOf(data, 'body');
  await call('POST', '/messages', {
    from: textOf(data, 'from'),
    to: textOf(data, 'to'),
    type: media === undefined ? 'text' : messageType(media.mimeType),
    ...(body === '' ? {} : { body }),
    ...(media === undefined ? {} : { media }),
  });
  (byId('send').querySelector('textarea') as HTMLTextAreaElement).value = '';
  (byId('send').querySelector('input[type=file]') as HTMLInputElement).value = '';
});

onSubmit('account', (data) =>
  call('POST', '/accounts', { phone: textOf(data, 'phone'), name: textOf(data, 'name') }),
);

onSubmit('group', (data) =>
  call('POST', '/groups', { subject: textOf(data, 'subject'), members: data.getAll('members').map(String) }),
);

function keepFresh(): void {
  refresh()
    .catch(() => (byId('status').textContent = 'The simulator does not answer.'))
    .finally(() => setTimeout(keepFresh, 1_000));
}

keepFresh();
