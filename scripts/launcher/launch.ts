import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { choosePort } from './choose-port.js';
import { EmbeddedDatabase } from './embedded-database.js';
import { obtainTestKey } from './first-key.js';
import { loadSecrets, saveSecrets } from './kept-secrets.js';
import { Part, type PartSpec } from './part.js';
import { APP_ROLE, makePlan, type Plan, type Ports } from './plan.js';
import { partWriter, report } from './report.js';
import { AlreadyRunningError, RunRecord } from './run-record.js';
import { welcome } from './welcome.js';

export interface LaunchOptions {
  /** The checkout. */
  root: string;
  /** Where data, secrets and profiles are kept. */
  folder: string;
  chromePath: string;
  /** Aborted when it is time to stop, beside the signals of the process. */
  signal: AbortSignal;
}

type Stop = () => Promise<void>;

/** Everything of one `npm start`, with what was started so far, so that it can be stopped at any moment. */
class Launch {
  private readonly stops: Stop[] = [];
  private starting: Promise<void> = Promise.resolve();
  private stopping: Promise<void> | undefined;
  private parts = 0;

  constructor(
    private readonly options: LaunchOptions,
    private readonly record: RunRecord,
  ) {}

  /** @returns the text to greet with */
  start(): Promise<string> {
    const welcomed = this.startAll();
    this.starting = welcomed.then(
      () => undefined,
      () => undefined, // told to whoever called start()
    );
    return welcomed;
  }

  get isStopping(): boolean {
    return this.stopping !== undefined;
  }

  /** Ends everything, the last started first; what is starting this moment too. */
  stop(): Promise<void> {
    this.stopping ??= (async () => {
      await this.stopStarted();
      await this.starting;
      await this.stopStarted();
      await this.record.release();
    })();
    return this.stopping;
  }

  private async stopStarted(): Promise<void> {
    for (let stop = this.stops.pop(); stop; stop = this.stops.pop()) await stop();
  }

  private async startAll(): Promise<string> {
    const startedAt = performance.now();
    const host = process.env.HOST ?? '127.0.0.1';
    const ports = await choosePorts(host);
    const secretsFile = join(this.options.folder, 'secrets.json');
    const secrets = await loadSecrets(secretsFile);
    const database = await this.startDatabase();
    const plan = makePlan({
      folder: this.options.folder,
      host,
      ports,
      secrets,
      database: { ownerUrl: database.url, appUrl: database.urlFor(APP_ROLE, secrets.appDatabasePassword) },
      chromePath: this.options.chromePath,
    });
    await this.startParts(plan);
    const apiUrl = `http://127.0.0.1:${ports.api}`;
    await this.record.setUrl(apiUrl);
    const { root } = this.options;
    const testKey = await obtainTestKey({ root, apiUrl, knownKey: secrets.testKey, env: plan.api.env });
    await saveSecrets(secretsFile, { ...secrets, testKey });
    await this.keepCliSettings({ ...plan.api.env, WAGATE_URL: apiUrl, WAGATE_KEY: testKey });
    const simulatorUrl = `http://127.0.0.1:${ports.simulator}`;
    return welcome({
      apiUrl,
      simulatorUrl,
      testKey,
      folder: this.options.folder,
      startedInMs: performance.now() - startedAt,
    });
  }

  private async startDatabase(): Promise<EmbeddedDatabase> {
    const wished = Number(process.env.POSTGRES_PORT ?? 0);
    const database = await EmbeddedDatabase.start(join(this.options.folder, 'postgres'), wished);
    this.stops.push(() => database.stop());
    return database;
  }

  private async startParts({ objectStore, simulator, api, node }: Plan): Promise<void> {
    await mkdir(join(this.options.folder, 'profiles'), { recursive: true, mode: 0o700 });
    await mkdir(join(this.options.folder, 'simulator'), { recursive: true, mode: 0o700 });
    await Promise.all([objectStore, simulator, api].map((spec) => this.startPart(spec)));
    // After the api: it announces itself at once, and otherwise only some seconds later.
    await this.startPart(node);
  }

  private async startPart(spec: PartSpec): Promise<void> {
    if (this.isStopping) throw new Error('stopped while starting');
    const part = new Part(spec, {
      root: this.options.root,
      write: partWriter(spec.name, this.parts),
      started: (pid) => this.record.setPart(spec.name, pid),
    });
    this.parts += 1;
    this.stops.push(() => part.stop());
    await part.start();
  }

  /** `npm run wagate` takes these, unless its own environment says otherwise. */
  private async keepCliSettings(env: Record<string, string>): Promise<void> {
    await writeFile(join(this.options.folder, 'api-settings.json'), JSON.stringify(env), { mode: 0o600 });
  }
}

async function choosePorts(host: string): Promise<Ports> {
  const local = '127.0.0.1';
  return {
    api: await choosePort({ part: 'api', host, variable: 'PORT', defaultPort: 3000 }),
    node: await choosePort({
      part: 'session-node',
      host: local,
      variable: 'SESSION_NODE_PORT',
      defaultPort: 3100,
    }),
    simulator: await choosePort({
      part: 'simulator',
      host: local,
      variable: 'SIMULATOR_PORT',
      defaultPort: 3400,
    }),
    objectStore: await choosePort({
      part: 'object store',
      host: local,
      variable: 'S3_PORT',
      defaultPort: 3900,
    }),
  };
}

/** The folder may be entered by the account that runs Postgres when we are root; its files are for us alone. */
async function openFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, process.getuid?.() === 0 ? 0o711 : 0o700);
}

function stopWhenTold(launch: Launch, told: AbortSignal): void {
  let isStopping = false;
  const handle = (reason: string) => {
    // npm passes on the signal that the terminal has sent already; only a person's second one counts.
    if (isStopping) return;
    isStopping = true;
    report(`${reason}: stopping …`);
    launch.stop().then(
      () => {
        report('stopped');
        process.exit(0);
      },
      (error: unknown) => {
        report(error instanceof Error ? error.message : String(error));
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => handle(signal));
  told.addEventListener('abort', () => handle('npm is gone'));
}

/** `npm start`, after the checkout is prepared: runs everything until it is told to stop. */
export async function runEmbedded(options: LaunchOptions): Promise<void> {
  const { folder } = options;
  await openFolder(folder);
  let record: RunRecord;
  try {
    record = await RunRecord.claim(join(folder, 'run.json'));
  } catch (error) {
    if (!(error instanceof AlreadyRunningError)) throw error;
    report(error.message);
    process.exit(1);
  }
  const launch = new Launch(options, record);
  stopWhenTold(launch, options.signal);
  try {
    process.stdout.write(await launch.start());
  } catch (error) {
    if (launch.isStopping) return; // by a signal, whose handler ends the process
    report(`could not start: ${error instanceof Error ? error.message : String(error)}`);
    await launch.stop();
    process.exit(1);
  }
}
