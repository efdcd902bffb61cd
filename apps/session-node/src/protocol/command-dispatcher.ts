import {
  NODE_COMMANDS,
  type NodeCommand,
  type NodeRequest,
  type NodeResponse,
  type SessionAddress,
} from '#contracts';
import { AppError } from '#kernel';
import type { SessionOwner } from '../supervisor/session-owner.js';
import type { SessionRegistry } from '../supervisor/session-registry.js';
import { checkNumbers, downloadMedia, lookUpMessages, sendMessage } from './message-commands.js';

export interface NodeFacts {
  bootId: string;
  /** Chromium runs in its sandbox. */
  sandbox: boolean;
}

type LifeCommand = 'session.start' | 'session.stop' | 'session.restart' | 'session.logout' | 'session.delete';
type Handlers = { [C in NodeCommand]: (request: NodeRequest<C>) => Promise<NodeResponse<C>> };

/** Carries out the commands of the api. */
export class CommandDispatcher {
  private readonly handlers: Handlers;

  constructor(
    private readonly registry: SessionRegistry,
    private readonly facts: NodeFacts,
  ) {
    this.handlers = this.createHandlers();
  }

  /**
   * Parses, carries out, and answers with what the contract promises.
   * @param name as in the path
   * @param body parsed JSON
   * @throws AppError
   */
  async dispatch(name: string, body: unknown): Promise<unknown> {
    if (!isCommand(name)) throw new AppError('not_found', 'No such command', { outcome: 'not_sent' });
    return this.run(name, body);
  }

  private async run<C extends NodeCommand>(name: C, body: unknown): Promise<unknown> {
    const parsed = NODE_COMMANDS[name].request.safeParse(body);
    if (!parsed.success) {
      const details = parsed.error.issues.map((issue) => ({
        path: issue.path.join('.'),
        message: issue.message,
      }));
      const [first] = details;
      const message = `${first?.path ?? 'body'}: ${first?.message ?? 'is not valid'}`;
      throw new AppError('invalid_request', message, { details, outcome: 'not_sent' });
    }
    const answer = await this.handlers[name](parsed.data as NodeRequest<C>);
    return NODE_COMMANDS[name].response.parse(answer);
  }

  private createHandlers(): Handlers {
    const { registry, facts } = this;
    return {
      ...this.lifeHandlers(),
      'session.qr': ({ waitMs, ...address }) =>
        registry.use(address, async (owner) => {
          const qr = (await owner.waitForQr(waitMs)) ?? null;
          return { snapshot: owner.snapshot(), qr };
        }),
      'session.pairing-code': ({ phone, ...address }) =>
        registry.use(address, async (owner) => ({ code: await owner.requestPairingCode(phone) })),
      'session.diagnostics': (address) =>
        registry.use(address, async (owner) => ({ ...(await owner.diagnostics()), sandbox: facts.sandbox })),
      'message.send': (request) =>
        registry.use(addressOf(request), (owner) => sendMessage(owner, request, facts.bootId)),
      'message.lookup': (request) =>
        registry.use(addressOf(request), (owner) => lookUpMessages(owner, request, facts.bootId)),
      'media.download': (request) =>
        registry.use(addressOf(request), (owner) => downloadMedia(owner, request)),
      'number.check': (request) => registry.use(addressOf(request), (owner) => checkNumbers(owner, request)),
    };
  }

  /** Commands that change a session's life: one after the other per session. */
  private lifeHandlers(): Pick<Handlers, LifeCommand> {
    const { registry } = this;
    const change = (address: SessionAddress, work: (owner: SessionOwner) => Promise<void>) =>
      registry.command(address, async (owner) => {
        await work(owner);
        return { snapshot: owner.snapshot() };
      });
    return {
      'session.start': ({ mode, ...address }) => change(address, (owner) => registry.start(owner, mode)),
      'session.stop': (address) => change(address, (owner) => owner.stop()),
      'session.restart': ({ mode, ...address }) =>
        change(address, async (owner) => {
          await owner.stop();
          await registry.start(owner, mode);
        }),
      'session.logout': (address) => change(address, (owner) => owner.logout()),
      'session.delete': async (address) => {
        await registry.command(address, (owner) => registry.remove(owner));
        return {};
      },
    };
  }
}

function isCommand(name: string): name is NodeCommand {
  return Object.hasOwn(NODE_COMMANDS, name);
}

function addressOf({ tenantId, sessionId, epoch }: SessionAddress): SessionAddress {
  return { tenantId, sessionId, epoch };
}
