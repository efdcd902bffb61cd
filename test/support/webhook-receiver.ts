import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A post that a receiver got. */
export interface ReceivedPost {
  headers: Record<string, string>;
  body: string;
  atMs: number;
}

export type Answer = (response: ServerResponse, post: ReceivedPost, request: IncomingMessage) => void;

/** A receiver of webhooks on the loopback address: keeps what it gets and answers as told. */
export class WebhookReceiver {
  readonly posts: ReceivedPost[] = [];
  private readonly server: Server;

  private constructor(public answer: Answer) {
    this.server = createServer((request, response) => {
      void text(request).then((body) => {
        const post = { body, headers: request.headers as Record<string, string>, atMs: Date.now() };
        this.posts.push(post);
        this.answer(response, post, request);
      });
    });
  }

  static async start(answer: Answer = (response) => response.end('ok')): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(answer);
    receiver.server.listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}/hook`;
  }

  /** What was delivered, parsed. */
  get events(): { id: string; seq: number; type: string; data: Record<string, unknown> }[] {
    return this.posts.map(
      ({ body }) => JSON.parse(body) as { id: string; seq: number; type: string; data: never },
    );
  }

  async close(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }
}
