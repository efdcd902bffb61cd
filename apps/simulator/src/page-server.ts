import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Server, createServer } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Certificate } from './certificate.js';
import type { PageConnection } from './network/linked-login.js';
import type { Network } from './network/network.js';
import type { BuildProfile } from './options.js';
import type { PageBoot, PageFrame } from './wire.js';

const MAX_UPLOAD_BYTES = 200 * 1024 * 1024;

export interface PageServerOptions {
  certificate: Certificate;
  script: string;
  heapMb: number;
}

/** Plays `web.whatsapp.com` (the page, its script, its socket) and `*.whatsapp.net` (the media servers). */
export class PageServer {
  profile: BuildProfile;
  private readonly server: Server;
  private readonly sockets: WebSocketServer;
  private readonly scriptPath: string;

  constructor(
    private readonly network: Network,
    profile: BuildProfile,
    private readonly options: PageServerOptions,
  ) {
    this.profile = profile;
    const version = createHash('sha256').update(options.script).digest('hex').slice(0, 12);
    this.scriptPath = `/page.${version}.js`;
    const { key, cert } = options.certificate;
    this.server = createServer({ key, cert }, (request, response) => void this.serve(request, response));
    this.sockets = new WebSocketServer({ server: this.server, path: '/ws', maxPayload: 64 * 1024 * 1024 });
    this.sockets.on('connection', (socket) => this.accept(socket));
  }

  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        const address = this.server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  async close(): Promise<void> {
    for (const socket of this.sockets.clients) socket.terminate();
    this.sockets.close();
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private accept(socket: WebSocket): void {
    const connection: PageConnection = {
      send: (frame) => socket.send(JSON.stringify(frame)),
      close: () => socket.close(),
    };
    const session = this.network.connect(connection);
    socket.on('message', (data: Buffer) => {
      try {
        session.receive(JSON.parse(data.toString('utf8')) as PageFrame);
      } catch {
        socket.close(1008, 'a frame could not be handled');
      }
    });
    socket.on('error', () => socket.terminate());
    socket.on('close', () => session.closed());
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://web.whatsapp.com');
    response.setHeader('access-control-allow-origin', '*');
    try {
      if (url.pathname === '/' && request.method === 'GET') this.serveDocument(response);
      else if (url.pathname === this.scriptPath) this.serveScript(response);
      else if (url.pathname === '/upload' && request.method === 'POST') {
        await this.upload(url.searchParams.get('phone') ?? '', request, response);
      } else if (url.pathname.startsWith('/v/')) {
        this.download(url, response);
      } else response.writeHead(url.pathname === '/favicon.ico' ? 204 : 404).end();
    } catch {
      if (!response.headersSent) response.writeHead(400);
      response.end();
    }
  }

  private serveDocument(response: ServerResponse): void {
    const boot: PageBoot = {
      profile: this.profile,
      heapMb: this.options.heapMb,
      faults: this.network.faults.list(),
    };
    const json = JSON.stringify(boot).replaceAll('<', '\\u003c');
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
    response.end(
      `<!doctype html><html><head><meta charset="utf-8"><title>WhatsApp (simulator)</title>` +
        `<script type="application/json" id="boot">${json}</script></head>` +
        `<body><div id="app"></div><script src="${this.scriptPath}"></script></body></html>`,
    );
  }

  private serveScript(response: ServerResponse): void {
    response.writeHead(200, {
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
    });
    response.end(this.options.script);
  }

  private async upload(phone: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { faults, media } = this.network;
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_UPLOAD_BYTES) {
        response.writeHead(413).end();
        return;
      }
      chunks.push(chunk);
    }
    const slow = faults.take('uploadSlowMs', phone);
    if (slow !== undefined) await sleep(slow.ms ?? 5_000);
    const failure = faults.take('uploadFails', phone);
    if (failure !== undefined) {
      response.writeHead(failure.status ?? 500).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(media.put(Buffer.concat(chunks)).media));
  }

  private download(url: URL, response: ServerResponse): void {
    const phone = url.searchParams.get('phone') ?? '';
    const failure = this.network.faults.take('downloadFails', phone);
    const bytes = failure === undefined ? this.network.media.find(url.pathname) : undefined;
    if (bytes === undefined) {
      response.writeHead(failure?.status ?? 404).end();
      return;
    }
    const wrong = this.network.faults.take('wrongHash', phone) !== undefined;
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    response.end(wrong ? Buffer.concat([bytes, Buffer.from([0])]) : bytes);
  }
}
