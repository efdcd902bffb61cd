import { dirname } from 'node:path';
import { type Certificate, loadCertificate } from './certificate.js';
import { ControlApi } from './control-api.js';
import { Network } from './network/network.js';
import type { Simulator, SimulatorOptions } from './options.js';
import { loadControlPageScript, loadPageScript } from './page-bundle.js';
import { PageServer } from './page-server.js';

/** Starts network, page server and control API. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const {
    host = '127.0.0.1',
    port = 0,
    pagePort = 0,
    profile = '2026-09',
    pageHeapMb = 0,
    stateFile,
  } = options;
  const certDir = options.certDir ?? (stateFile === undefined ? undefined : dirname(stateFile));
  const [certificate, script, controlScript] = await Promise.all([
    loadCertificate(certDir),
    loadPageScript(),
    loadControlPageScript(),
  ]);
  const network = new Network(networkOptions(options));
  const pages = new PageServer(network, profile, { certificate, script, heapMb: pageHeapMb });
  const boundPagePort = await pages.listen(pagePort, host);
  const browserArgs = argsFor(host, boundPagePort, certificate);
  const control = new ControlApi({ network, pages, browserArgs }, controlScript);
  const boundPort = await control.listen(port, host);
  return {
    controlUrl: `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
    browserRoute: { args: browserArgs },
    network,
    close: async () => {
      await Promise.all([control.close(), pages.close()]);
      network.close();
    },
  };
}

function networkOptions({ stateFile, qrFirstMs, qrNextMs }: SimulatorOptions) {
  return {
    ...(stateFile === undefined ? {} : { stateFile }),
    ...(qrFirstMs === undefined ? {} : { qrFirstMs }),
    ...(qrNextMs === undefined ? {} : { qrNextMs }),
  };
}

function argsFor(host: string, port: number, { spkiPin }: Certificate): string[] {
  const address = `${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`;
  return [
    `--host-resolver-rules=MAP web.whatsapp.com ${address},MAP *.whatsapp.net ${address}`,
    `--ignore-certificate-errors-spki-list=${spkiPin}`,
  ];
}
