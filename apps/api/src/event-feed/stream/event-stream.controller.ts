import { Readable } from 'node:stream';
import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { EventEnvelope } from '#contracts';
import { AppError } from '#kernel';
import { CurrentKey, Scopes, type AuthContext } from '../../auth/index.js';
import { Operation, type ApiReply, type ApiRequest } from '../../http/index.js';
import { EventSocket } from './event-socket.js';
import { lastEventIdSchema, StreamQueryDto, type StreamQuery } from './event-stream.dto.js';
import { EventStreamService } from './event-stream.service.js';

const COMMON = `Each event once, in the order of \`seq\`. To go on after a break, ask with the \`seq\` of the last event you have: nothing is missed and nothing comes twice. The stream ends within five seconds when its API key is revoked.`;
const PROBLEMS = [
  'not_found',
  'session_not_allowed',
  'wrong_key_mode',
  'stream_limit_reached',
  'unknown_seq',
] as const;
/** Without news a comment says that the stream is alive; proxies like to hear it. */
const ALIVE = ': alive\n\n';
/** What a client waits before it comes back, milliseconds. */
const FIRST = 'retry: 2000\n\n';

@ApiTags('Events')
@Controller('events')
export class EventStreamController {
  constructor(
    private readonly streams: EventStreamService,
    private readonly sockets: EventSocket,
  ) {}

  @Get('stream')
  @Scopes('messages:read')
  @Operation({
    summary: 'Stream events as server-sent events',
    description: `${COMMON} \`id\` of an event is its \`seq\`, so that EventSource resumes by itself with \`Last-Event-ID\`.`,
    idempotent: 'safe',
    answer: {
      status: 200,
      contentType: 'text/event-stream',
      description: 'Events, for as long as you listen',
    },
    problems: [...PROBLEMS],
  })
  async stream(
    @CurrentKey() auth: AuthContext,
    @Query() query: StreamQueryDto,
    @Req() request: ApiRequest,
    @Res() reply: ApiReply,
  ): Promise<void> {
    const batches = await this.streams.follow(request, auth, resumed(request, query), goneOf(reply));
    await reply
      .header('Content-Type', 'text/event-stream; charset=utf-8')
      .header('Cache-Control', 'no-store')
      .header('X-Accel-Buffering', 'no')
      .send(Readable.from(frames(batches), { objectMode: false, highWaterMark: 65_536 }));
  }

  @Get('ws')
  @Scopes('messages:read')
  @Operation({
    summary: 'Stream events over a WebSocket',
    description: `${COMMON} Each message is one event, as JSON. Send the API key in a header of the upgrade request; a key in the URL is not looked at.`,
    idempotent: 'safe',
    answer: { status: 101, description: 'Switched to WebSocket' },
    problems: [...PROBLEMS, 'upgrade_required'],
  })
  async socket(
    @CurrentKey() auth: AuthContext,
    @Query() query: StreamQueryDto,
    @Req() request: ApiRequest,
    @Res() reply: ApiReply,
  ): Promise<void> {
    if (!this.sockets.isUpgrade(request))
      throw new AppError(
        'upgrade_required',
        'this path is for WebSocket clients; use /events/stream for others',
      );
    const batches = await this.streams.follow(request, auth, query, goneOf(reply));
    reply.hijack();
    await this.sockets.serve(request, batches);
  }
}

/** Aborted when the client's connection ends. */
function goneOf({ raw }: ApiReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => gone.abort());
  return gone.signal;
}

function resumed(request: ApiRequest, query: StreamQuery): StreamQuery {
  if (request.headers['last-event-id'] === undefined) return query;
  return { ...query, after: lastEventIdSchema.parse(request.headers)['last-event-id'] };
}

async function* frames(batches: AsyncGenerator<EventEnvelope[], void>): AsyncGenerator<string, void> {
  yield FIRST;
  for await (const events of batches) {
    if (events.length === 0) yield ALIVE;
    for (const event of events) {
      yield `id: ${String(event.seq)}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
    }
  }
}
