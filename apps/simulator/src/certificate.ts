import { X509Certificate, createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'selfsigned';

export interface Certificate {
  key: string;
  cert: string;
  /** base64 SHA-256 of the public key, as Chromium's `--ignore-certificate-errors-spki-list` wants it. */
  spkiPin: string;
}

const HOSTS = ['web.whatsapp.com', '*.whatsapp.net', 'localhost'];

/** The certificate in `directory`, made on first use; without a directory a new one each time. */
export async function loadCertificate(directory: string | undefined): Promise<Certificate> {
  if (directory === undefined) return makeCertificate();
  const file = join(directory, 'simulator-certificate.json');
  if (existsSync(file)) {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Certificate;
    if (Date.parse(new X509Certificate(kept.cert).validTo) > Date.now()) return kept;
  }
  const certificate = await makeCertificate();
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, JSON.stringify(certificate), { mode: 0o600 });
  return certificate;
}

async function makeCertificate(): Promise<Certificate> {
  const notAfterDate = new Date(Date.now() + 365 * 24 * 3_600_000);
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'web.whatsapp.com' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate,
    extensions: [{ name: 'subjectAltName', altNames: HOSTS.map((value) => ({ type: 2 as const, value })) }],
  });
  const spki = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
  return { key, cert, spkiPin: createHash('sha256').update(spki).digest('base64') };
}
