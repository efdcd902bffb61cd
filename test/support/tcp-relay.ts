import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP relay in front of a server, that can be cut (as a lost network is) and mended. */
export class TcpRelay {
  private readonly sockets = new Set<Socket>();
  private isOpen = true;

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(targetPort: number): Promise<TcpRelay> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const relay = new TcpRelay(server, (server.address() as AddressInfo).port);
    server.on('connection', (near) => relay.carry(near, targetPort));
    return relay;
  }

  /** Breaks every connection, and every new one at once. */
  cut(): void {
    this.isOpen = false;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.isOpen = true;
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private carry(near: Socket, targetPort: number): void {
    if (!this.isOpen) {
      near.destroy();
      return;
    }
    const far = connect(targetPort, '127.0.0.1');
    this.join(near, far);
    this.join(far, near);
  }

  private join(one: Socket, other: Socket): void {
    this.sockets.add(one);
    // A broken connection is what this is for; both ends learn of it by the close.
    one.on('error', () => undefined);
    one.on('close', () => {
      this.sockets.delete(one);
      other.destroy();
    });
    one.pipe(other);
  }
}
