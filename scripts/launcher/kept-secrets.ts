import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';

/** What one checkout's embedded wagate keeps to itself, made at its first start. */
export interface KeptSecrets {
  appDatabasePassword: string;
  s3AccessKey: string;
  s3SecretKey: string;
  internalSecret: string;
  keyPepper: string;
  encryptionKey: string;
  /** The key that `npm start` prints, once there is one. */
  testKey?: string;
}

const random = () => randomBytes(32).toString('hex');

async function readSecrets(file: string): Promise<Partial<KeptSecrets>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Partial<KeptSecrets>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

export async function saveSecrets(file: string, secrets: KeptSecrets): Promise<void> {
  await writeFile(`${file}.new`, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Reads the secrets of earlier starts, and makes those that are missing. */
export async function loadSecrets(file: string): Promise<KeptSecrets> {
  const fresh = {
    appDatabasePassword: random(),
    s3AccessKey: 'wagate',
    s3SecretKey: random(),
    internalSecret: random(),
    keyPepper: random(),
    encryptionKey: random(),
  };
  const secrets = { ...fresh, ...(await readSecrets(file)) };
  await saveSecrets(file, secrets);
  return secrets;
}
