import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent } from 'undici';
import {
  NODE_COMMANDS,
  nodeProblemSchema,
  type ErrorCode,
  type NodeCommand,
  type NodeRequest,
  type NodeResponse,
} from '#contracts';
import { AppError } from '#kernel';
import { signRequest } from '#runtime';
import { API_CONFIG, type ApiConfig } from '../config.js';
import { NodeRegistry } from './node-registry.js';

/** A node by the name it registered under, or by where it is. */
export type NodeAddress = { nodeName: string } | { url: string };

export interface NodeCallOptions {
  /** From the first byte sent to the last one received. */
  timeoutMs: number;
}

/** Refusals of a node that say something to the caller of the public API; any other is a fault between the two. */
const PASSED_ON: ReadonlySet<ErrorCode> = new Set([
  'session_not_connected',
  'session_already_linked',
  'qr_not_available',
  'invalid_state',
  'media_not_stored',
  'invalid_recipient',
  'not_on_whatsapp',
  'quoted_not_found',
  'rate_limited',
  'pairing_limit_reached',
  'channel_cannot',
  'service_unavailable',
  'capacity_exhausted',
  'stale_epoch',
]);

/** Failures before a connection stood, so that the node cannot have heard anything. */
const NEVER_CONNECTED =
  /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT)$/;

/**
 * Calls commands of session-nodes. Every failure is an AppError whose `outcome` says whether the node can have
 * done it: `node_unavailable` (`not_sent`: no connection came about; `unknown`: the answer was lost or late), or the
 * node's own refusal under its own code.
 */
@Injectable()
export class NodeClient implements OnApplicationShutdown {
  /** As many connections as calls: how many go to one node is limited where they begin, or hung pages would stop all. */
  private readonly agent = new Agent({
    connections: null,
    connectTimeout: 3_000,
    keepAliveTimeout: 30_000,
    bodyTimeout: 0,
  });

  constructor(
    @Inject(API_CONFIG) private readonly config: Pick<ApiConfig, 'INTERNAL_SECRET'>,
    private readonly registry: NodeRegistry,
  ) {}

  async call<C extends NodeCommand>(
    address: NodeAddress,
    command: C,
    request: NodeRequest<C>,
    { timeoutMs }: NodeCallOptions,
  ): Promise<NodeResponse<C>> {
    const url = 'url' in address ? address.url : (await this.registry.get(address.nodeName)).url;
    const { status, text } = await this.post(
      url,
      `/internal/commands/${command}`,
      JSON.stringify(request),
      timeoutMs,
    );
    const body = parseJson(text);
    if (status < 200 || status > 299) throw refusal(command, status, body);
    const answer = NODE_COMMANDS[command].response.safeParse(body);
    if (!answer.success) throw unreadable(command, answer.error);
    return answer.data as NodeResponse<C>;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.agent.destroy();
  }

  private async post(url: string, path: string, body: string, timeoutMs: number) {
    try {
      const { statusCode, body: answer } = await this.agent.request({
        origin: new URL(url).origin,
        path,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...signRequest(this.config.INTERNAL_SECRET, { method: 'POST', path, body }),
        },
        body,
        headersTimeout: 0,
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { status: statusCode, text: await answer.text() };
    } catch (cause) {
      throw transportFailure(cause);
    }
  }
}

function transportFailure(cause: unknown): AppError {
  if (neverConnected(cause)) {
    return new AppError('node_unavailable', 'the node that runs this session cannot be reached; try again', {
      cause,
      outcome: 'not_sent',
      retryAfterSeconds: 5,
    });
  }
  return new AppError('node_unavailable', 'the node that runs this session did not answer in time', {
    cause,
    outcome: 'unknown',
    retryAfterSeconds: 5,
  });
}

/** True of a failure of a call that never came to the node, as that was not there. */
export function isUnreachable(error: AppError): boolean {
  return error.code === 'node_unavailable' && neverConnected(error.cause);
}

function neverConnected(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(neverConnected);
  return error instanceof Error && 'code' in error && NEVER_CONNECTED.test(String(error.code));
}

function refusal(command: NodeCommand, status: number, body: unknown): AppError {
  const problem = nodeProblemSchema.safeParse(body);
  if (!problem.success) return unreadable(command, problem.error);
  const { code, message, outcome = status < 500 ? 'not_sent' : 'unknown' } = problem.data;
  if (PASSED_ON.has(code)) return new AppError(code, message, { outcome });
  return new AppError('node_unavailable', 'the node refused the request', {
    cause: new Error(`${command}: ${code}: ${message}`),
    outcome,
  });
}

/** Something answered, but not as a node of this version does. */
function unreadable(command: NodeCommand, cause: Error): AppError {
  return new AppError('node_unavailable', 'the node gave an answer that this version does not understand', {
    cause: new Error(`unreadable answer to ${command}`, { cause }),
    outcome: 'unknown',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
