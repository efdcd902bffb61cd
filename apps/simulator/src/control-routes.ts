import type { z } from 'zod';
import { qrSvg } from './qr-svg.js';
import * as schemas from './control-schemas.js';
import type { Network } from './network/network.js';
import type { PhoneMessage } from './network/phone-message.js';
import { type MessageRecord, Refusal, parsePhone } from './network/records.js';
import type { PageServer } from './page-server.js';

export interface RouteContext {
  network: Network;
  pages: PageServer;
  browserArgs: string[];
}

export interface RouteInput {
  params: string[];
  body: unknown;
  query: Record<string, string>;
}

export interface Answer {
  status: number;
  value: unknown;
}

export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Segments; `:` stands for a parameter. */
  path: string;
  handle(input: RouteInput, context: RouteContext): Answer;
}

/** @throws Refusal 400 naming the first offending field and its rule */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const field = [...(issue?.path ?? []), ...(unknown === undefined ? [] : [unknown])].join('.');
  const rule = unknown === undefined ? (issue?.message ?? 'is not valid') : 'unknown field';
  throw new Refusal(400, rule, field === '' ? undefined : field);
}

function route(method: Route['method'], path: string, handle: Route['handle']): Route {
  return { method, path, handle };
}

const ok = (value: unknown): Answer => ({ status: 200, value });
const created = (value: unknown): Answer => ({ status: 201, value });

export const ROUTES: Route[] = [
  route('GET', '/health', (_input, { network, pages }) =>
    ok({
      status: 'ok',
      profile: pages.profile,
      accounts: network.accounts.list().length,
      logins: network.logins.list().length,
    }),
  ),
  route('GET', '/browser-route', (_input, { browserArgs }) => ok({ args: browserArgs })),
  route('GET', '/accounts', (_input, { network }) => ok(network.accounts.list())),
  route('POST', '/accounts', ({ body }, { network }) => {
    const fields = parse(schemas.accountBody, body);
    const known = network.accounts.find(parsePhone(fields.phone, 'phone'));
    const account = network.putAccount(defined(fields));
    return known === undefined ? created(account) : ok(account);
  }),
  route('GET', '/groups', (_input, { network }) => ok(network.accounts.listGroups())),
  route('POST', '/groups', ({ body }, { network }) => {
    const { subject, members } = parse(schemas.groupBody, body);
    return created(network.addGroup(subject, members));
  }),
  route('POST', '/groups/:/changes', ({ params, body }, { network }) => {
    const { by, members, ...order } = parse(schemas.groupChangeBody, body);
    const record = network.groupChanges.apply(
      params[0] ?? '',
      defined({
        ...order,
        by: parsePhone(by, 'by'),
        members: members.map((phone) => parsePhone(phone, 'members')),
      }),
    );
    return created({ id: record.message.id });
  }),
  route('POST', '/calls', ({ body }, { network }) => {
    const { from, ...call } = parse(schemas.callBody, body);
    return created(network.ring(defined({ ...call, from: parsePhone(from, 'from') })));
  }),
  route('POST', '/scan', ({ body }, { network }) => {
    const { qr, phone } = parse(schemas.scanBody, body);
    return created(network.scan(qr, phone));
  }),
  route('POST', '/pair', ({ body }, { network }) => {
    const { code, phone } = parse(schemas.pairBody, body);
    return created(network.pair(code, phone));
  }),
  route('GET', '/logins', ({ query }, { network }) => {
    const { svg } = parse(schemas.loginsQuery, query);
    return ok(listLogins(network, svg === '1'));
  }),
  route('POST', '/logins/:/unlink', ({ params, body }, { network }) => {
    parse(schemas.emptyBody, body);
    return ok({ logins: network.unlink(params[0] ?? '') });
  }),
  route('POST', '/logins/:/drop', ({ params, body }, { network }) => {
    const { forMs } = parse(schemas.dropBody, body);
    return ok({ logins: network.drop(params[0] ?? '', forMs) });
  }),
  route('POST', '/logins/:/reload', ({ params, body }, { network }) => {
    parse(schemas.emptyBody, body);
    return ok({ logins: network.reload(params[0] ?? '') });
  }),
  route('POST', '/logins/:/forget', ({ params, body }, { network }) => {
    const { chat, keep } = parse(schemas.forgetBody, body);
    return ok({ logins: network.forgetHistory(params[0] ?? '', chat, keep) });
  }),
  route('POST', '/logins/:/conflict', ({ params, body }, { network }) => {
    parse(schemas.emptyBody, body);
    return ok({ logins: network.setState(params[0] ?? '', 'CONFLICT') });
  }),
  route('POST', '/logins/:/state', ({ params, body }, { network }) =>
    ok({ logins: network.setState(params[0] ?? '', parse(schemas.stateBody, body).state) }),
  ),
  route('POST', '/messages', ({ body }, { network }) => {
    const { record, duplicate } = network.conversation.sendFromPhone(phoneMessage(body));
    const { id, timestamp } = record.message;
    return duplicate ? ok({ id, timestamp }) : created({ id, timestamp });
  }),
  route('GET', '/messages', ({ query }, { network }) =>
    ok(network.messages.list('phone', listFilter(query)).map(phoneView)),
  ),
  route('POST', '/messages/:/ack', ({ params, body }, { network }) => {
    const { ack, by } = parse(schemas.ackBody, body);
    if (by !== undefined) network.accounts.get(parsePhone(by, 'by'), 'by');
    const record = network.messages.get(params[0] ?? '');
    if (record.via !== 'login') throw new Refusal(422, 'only what a login sent has acks', 'id');
    network.messages.ack(record, ack);
    return ok({ id: record.message.id, ack: record.ack });
  }),
  route('POST', '/messages/:/edit', ({ params, body }, { network }) => {
    const text = parse(schemas.editBody, body).body;
    const { message } = network.messages.get(params[0] ?? '');
    network.conversation.edit(keyOf(message), text);
    return ok({ id: message.id });
  }),
  route('POST', '/messages/:/revoke', ({ params, body }, { network }) => {
    const { by } = parse(schemas.revokeBody, body);
    const { message } = network.messages.get(params[0] ?? '');
    network.conversation.revoke(
      keyOf(message),
      undefined,
      by === undefined ? undefined : parsePhone(by, 'by'),
    );
    return ok({ id: message.id });
  }),
  route('POST', '/messages/:/react', ({ params, body }, { network }) => {
    const { from, emoji } = parse(schemas.reactBody, body);
    const by = network.accounts.get(parsePhone(from, 'from'), 'from');
    const { message } = network.messages.get(params[0] ?? '');
    network.conversation.react(keyOf(message), by.phone, emoji);
    return ok({ id: message.id });
  }),
  route('POST', '/messages/:/vote', ({ params, body }, { network }) => {
    const { from, choices } = parse(schemas.voteBody, body);
    const by = network.accounts.get(parsePhone(from, 'from'), 'from');
    const { message } = network.messages.get(params[0] ?? '');
    network.conversation.vote(keyOf(message), by.phone, choices);
    return ok({ id: message.id });
  }),
  route('GET', '/sent', ({ query }, { network }) =>
    ok(network.messages.list('login', listFilter(query)).map(sentView)),
  ),
  route('GET', '/chat-states', ({ query }, { network }) => ok(network.chatStates.list(listFilter(query)))),
  route('GET', '/faults', (_input, { network }) => ok(network.faults.list())),
  route('PUT', '/faults', ({ body }, { network }) =>
    ok(network.faults.replace(parse(schemas.faultsBody, body).faults.map(checkedFault))),
  ),
  route('POST', '/faults', ({ body }, { network }) =>
    created(network.faults.add(checkedFault(parse(schemas.faultBody, body)))),
  ),
  route('DELETE', '/faults', (_input, { network }) => ok(network.faults.replace([]))),
  route('PUT', '/profile', ({ body }, { pages }) => {
    pages.profile = parse(schemas.profileBody, body).profile;
    return ok({ profile: pages.profile });
  }),
  route('GET', '/missing', (_input, { network }) => ok(network.listMissing())),
];

function listLogins({ logins, accounts }: Network, withSvg: boolean): unknown {
  return {
    waiting: logins.listWaiting().map(({ qr, expiresAt, pairing }) => ({
      qr,
      ...(withSvg ? { svg: qrSvg(qr) } : {}),
      expiresAt,
      ...(pairing === undefined ? {} : { pairingCode: pairing.code, pairingPhone: pairing.phone }),
    })),
    linked: logins.list().map(({ record, connected, queued }) => ({
      loginId: record.id,
      phone: record.phone,
      name: accounts.find(record.phone)?.name ?? record.phone,
      connected,
      queued,
      linkedAt: record.linkedAt,
    })),
  };
}

function phoneMessage(body: unknown): PhoneMessage {
  const { from, to, type, media, ...rest } = parse(schemas.messageBody, body);
  const group = to.endsWith('@g.us');
  return defined({
    ...rest,
    type,
    from: parsePhone(from, 'from'),
    to: group ? to : parsePhone(to, 'to'),
    media:
      media &&
      defined({
        bytes: Buffer.from(media.base64, 'base64'),
        mimetype: media.mimeType,
        filename: media.filename,
      }),
  });
}

function listFilter(query: Record<string, string>): { from?: string; to?: string; limit?: number } {
  const { from, to, limit } = parse(schemas.listQuery, query);
  return defined({ from: from?.replace(/^\+/, ''), to: to?.replace(/^\+/, ''), limit });
}

function checkedFault(fault: z.output<typeof schemas.faultBody>) {
  if (fault.kind === 'missingModule' && !fault.name)
    throw new Refusal(400, 'this fault needs a module name', 'name');
  if (fault.kind === 'poison' && !fault.body) throw new Refusal(400, 'this fault needs a body', 'body');
  const phone = fault.phone === undefined ? undefined : parsePhone(fault.phone, 'phone');
  return defined({ ...fault, phone });
}

function keyOf({ id, from, to }: MessageRecord['message']) {
  return { id, from, to };
}

function phoneView({ message, sha256, deliveredTo, order }: MessageRecord): unknown {
  const { id, from, to, type, body, caption, media, timestamp } = message;
  return {
    id,
    from,
    to,
    type,
    body: body ?? caption,
    media: mediaView(media, sha256),
    timestamp,
    deliveredTo,
    order,
  };
}

function sentView({ message, sha256, handOvers, ack, order }: MessageRecord): unknown {
  const { id, from, to, type, body, caption, media, quoted, timestamp } = message;
  return {
    id,
    waMessageId: id,
    from,
    to,
    type,
    body,
    caption,
    quotedId: quoted?.id,
    media: mediaView(media, sha256),
    handOvers,
    ack,
    timestamp,
    order,
  };
}

function mediaView(media: MessageRecord['message']['media'], sha256: string | undefined): unknown {
  if (media === undefined) return undefined;
  return { sha256, size: media.size, mimeType: media.mimetype, filename: media.filename };
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the properties that are undefined. */
function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Defined<T>;
}
