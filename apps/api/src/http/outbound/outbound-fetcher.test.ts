import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ForbiddenUrlError, parseOutboundUrl, publicLookup, type Resolver } from './address-policy.js';
import { OutboundFetcher, UnreachableUrlError } from './outbound-fetcher.js';

/** Ways to write an address inside, without a port. */
const INSIDE = [
  '127.0.0.1', '127.1', '2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1', '017700000001', '127.0.0.1.',
  '0.0.0.0', '0', '①②⑦.⓪.⓪.①', '１２７.0.0.1', '%31%32%37.0.0.1', '10.0.0.1', '10.255.255.255', '172.16.0.1',
  '172.31.255.255', '192.168.0.1', '169.254.169.254', '169.254.0.1', '100.64.0.1', '100.127.255.255', '192.0.0.1',
  '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '224.0.0.1', '239.255.255.255', '240.0.0.1',
  '255.255.255.255', '0xa9fea9fe', '2852039166', '0251.0376.0251.0376', '3232235521', '[::1]', '[::]',
  '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::ffff:a9fe:a9fe]', '[::127.0.0.1]',
  '[64:ff9b::7f00:1]', '[64:ff9b::169.254.169.254]', '[2002:7f00:1::]', '[2001:0:0:0:0:0:0:1]', '[fc00::1]',
  '[fd12:3456:789a::1]', '[fe80::1]', '[fec0::1]', '[ff02::1]', '[2001:db8::1]', '[100::1]',
]; // prettier-ignore
const FORBIDDEN_URLS = [
  ...INSIDE.flatMap((host) => [`http://${host}/secret`, `https://${host}/secret`]),
  'file:///etc/passwd', 'ftp://example.com/a', 'gopher://example.com/', 'data:text/plain,hello', 'javascript:alert(1)',
  'blob:http://example.com/1', 'ws://example.com/', 'http://user:secret@example.com/', 'http://user@example.com/',
  'https://example.com:8443/', 'http://example.com:22/', 'http://example.com:6379/', 'http://example.com:0/',
  'http://', 'example.com/a.png', '//example.com/a.png', '', ' ', 'http:///', 'http://[::1', 'http://a b/',
]; // prettier-ignore

describe('the way out, for URLs that tenants give', () => {
  let server: Server;
  let port: number;
  const seen: IncomingMessage[] = [];

  beforeAll(async () => {
    server = createServer(inner(seen)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  it.each(FORBIDDEN_URLS)('refuses %s before any connection', async (url) => {
    const fetcher = new OutboundFetcher({ allowPrivate: false });
    await expect(fetcher.get(url, { timeoutMs: 5_000 })).rejects.toBeInstanceOf(ForbiddenUrlError);
    await fetcher.close();
  });

  it.each([
    'http://example.com/a.png',
    'https://example.com:443/',
    'http://93.184.215.14/',
    'https://[2606:2800:21f::1]/',
  ])('lets %s pass', (url) => {
    expect(parseOutboundUrl(url, { allowPrivate: false }).protocol).toMatch(/^https?:$/);
  });

  it('refuses a name with one private address among public ones, without a connection', async () => {
    const answers = [
      [{ address: '127.0.0.1', family: 4 }],
      [pub, { address: '10.0.0.1', family: 4 }],
      [{ address: '::1', family: 6 }],
    ];
    for (const addresses of answers) {
      const fetcher = new OutboundFetcher({ allowPrivate: false }, (_, done) => done(null, addresses));
      await expect(fetcher.get('http://rebound.example/', { timeoutMs: 5_000 })).rejects.toBeInstanceOf(
        ForbiddenUrlError,
      );
      await fetcher.close();
    }
    expect(seen).toHaveLength(0);
  });

  it('connects to the very addresses that it checked', () => {
    let asked = 0;
    const flipping: Resolver = (_, done) => {
      asked += 1;
      done(null, asked === 1 ? [pub] : [{ address: '127.0.0.1', family: 4 }]);
    };
    const lookup = publicLookup({ allowPrivate: false }, flipping);
    const answers: unknown[] = [];
    lookup('rebound.example', { all: true }, (...answer) => answers.push(answer));
    lookup('rebound.example', { all: true }, (error) => answers.push(error));
    expect(answers).toEqual([[null, [pub]], expect.any(ForbiddenUrlError)]);
  });

  it('follows three redirects and no fourth, and re-checks each', async () => {
    const open = new OutboundFetcher({ allowPrivate: true });
    const origin = `http://127.0.0.1:${String(port)}`;
    const file = await open.get(`${origin}/hops/3`, { timeoutMs: 5_000 });
    expect(await text(file.body)).toBe('file');
    expect(file).toMatchObject({ mimeType: 'text/plain', size: 4, filename: '0' });
    await expect(open.get(`${origin}/hops/4`, { timeoutMs: 5_000 })).rejects.toBeInstanceOf(
      UnreachableUrlError,
    );
    for (const path of ['to-file', 'to-https', 'to-credentials']) {
      await expect(open.get(`${origin}/${path}`, { timeoutMs: 5_000 }), path).rejects.toBeInstanceOf(
        ForbiddenUrlError,
      );
    }
    await open.close();
  });

  it('sends nothing of ours along, and gives up on what is slow, broken or encoded', async () => {
    const open = new OutboundFetcher({ allowPrivate: true });
    const origin = `http://127.0.0.1:${String(port)}`;
    seen.length = 0;
    await open.get(`${origin}/hops/0`, { timeoutMs: 5_000 }).then((file) => text(file.body));
    expect(Object.keys(seen[0]?.headers ?? {}).sort()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'host',
      'user-agent',
    ]);
    for (const path of ['hang', 'cut', 'gzip', 'missing', 'teapot']) {
      await expect(open.get(`${origin}/${path}`, { timeoutMs: 500 }), path).rejects.toBeInstanceOf(
        UnreachableUrlError,
      );
    }
    await expect(open.get('http://127.0.0.1:1/', { timeoutMs: 5_000 })).rejects.toBeInstanceOf(
      UnreachableUrlError,
    );
    await open.close();
  });
});

/** A public address; no test connects to it. */
const pub = { address: '93.184.215.14', family: 4 };

function inner(seen: IncomingMessage[]): RequestListener {
  const redirects: Record<string, string> = {
    '/to-file': 'file:///etc/passwd',
    '/to-https': 'https://127.0.0.1/',
    '/to-credentials': 'http://user:secret@127.0.0.1/',
  };
  return (request, response) => {
    seen.push(request);
    const path = request.url ?? '';
    const hops = /^\/hops\/(\d)$/.exec(path)?.[1];
    if (hops === '0')
      response
        .writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': 4 })
        .end('file');
    else if (hops) response.writeHead(302, { location: `/hops/${String(Number(hops) - 1)}` }).end();
    else if (redirects[path]) response.writeHead(302, { location: redirects[path] }).end();
    else if (path === '/cut') request.socket.destroy();
    else if (path === '/gzip') response.writeHead(200, { 'content-encoding': 'gzip' }).end('x');
    else if (path === '/teapot') response.writeHead(418).end();
    else if (path !== '/hang') response.writeHead(404).end();
  };
}
