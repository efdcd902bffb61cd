import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { EventEnvelope } from '#contracts';

/** A client of server-sent events that can be cut off anywhere. */
export class EventStreamClient {
  readonly events: EventEnvelope[] = [];
  lastEventId: string | undefined;
  text = '';
  ended = false;

  private constructor(readonly response: IncomingMessage) {
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      this.text += chunk;
      if (response.statusCode === 200) this.take();
    });
    response.on('error', () => undefined);
    response.on('close', () => (this.ended = true));
  }

  /** Resolves with the answer, whatever it is. */
  static async open(
    baseUrl: string,
    key: string,
    { query = '', lastEventId }: { query?: string; lastEventId?: string | undefined } = {},
  ): Promise<EventStreamClient> {
    const headers = {
      authorization: `Bearer ${key}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    };
    const request = get(`${baseUrl}/api/v1/events/stream${query}`, { headers, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    request.on('error', () => undefined);
    return new EventStreamClient(response);
  }

  get status(): number | undefined {
    return this.response.statusCode;
  }

  close(): void {
    this.response.destroy();
  }

  private take(): void {
    for (let end = this.text.indexOf('\n\n'); end >= 0; end = this.text.indexOf('\n\n')) {
      const fields = new Map(
        this.text
          .slice(0, end)
          .split('\n')
          .map((line): [string, string] => [
            line.slice(0, line.indexOf(':')),
            line.slice(line.indexOf(':') + 1).trim(),
          ]),
      );
      this.text = this.text.slice(end + 2);
      const data = fields.get('data');
      if (data === undefined) continue;
      this.lastEventId = fields.get('id');
      this.events.push(JSON.parse(data) as EventEnvelope);
    }
  }
}
