import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { API_CONFIG, type ApiConfig } from '../config.js';

/** Where a sealed value lies; opened anywhere else, it is refused. */
export interface SealedPlace {
  tenantId: string;
  /** `<table>.<column>` */
  column: string;
  rowId: string;
}

const FORMAT = 1;
const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const DATA_KEY_BYTES = 32;
const WRAPPED_BYTES = NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES;

/**
 * Encrypts secrets that have to be used again, and so cannot be hashed: AES-256-GCM under a key made for each value,
 * which is itself encrypted under ENCRYPTION_KEY. A value copied to another row, column or tenant does not open.
 * Layout: format (1 byte), id of the outer key (4), wrapped data key (60), nonce (12), ciphertext, tag (16).
 */
@Injectable()
export class SecretBox {
  private readonly outerKey: Buffer;
  private readonly keyId: Buffer;

  constructor(@Inject(API_CONFIG) { ENCRYPTION_KEY }: Pick<ApiConfig, 'ENCRYPTION_KEY'>) {
    this.outerKey = Buffer.from(hkdfSync('sha256', ENCRYPTION_KEY, '', 'wagate secrets', DATA_KEY_BYTES));
    this.keyId = createHash('sha256').update(this.outerKey).digest().subarray(0, KEY_ID_BYTES);
  }

  seal(plain: string, place: SealedPlace): Buffer {
    const dataKey = randomBytes(DATA_KEY_BYTES);
    const bound = boundTo(place);
    const wrapped = encrypt(this.outerKey, dataKey, bound);
    return Buffer.concat([
      Buffer.of(FORMAT),
      this.keyId,
      wrapped,
      encrypt(dataKey, Buffer.from(plain), bound),
    ]);
  }

  /** @throws Error when it was sealed under another key or for another place, or was changed */
  open(sealed: Buffer, place: SealedPlace): string {
    const bound = boundTo(place);
    const keyId = sealed.subarray(1, 1 + KEY_ID_BYTES);
    if (sealed[0] !== FORMAT) throw new Error('a stored secret has an unknown format');
    if (!keyId.equals(this.keyId))
      throw new Error('a stored secret was encrypted under another ENCRYPTION_KEY');
    const wrapped = sealed.subarray(1 + KEY_ID_BYTES, 1 + KEY_ID_BYTES + WRAPPED_BYTES);
    const dataKey = decrypt(this.outerKey, wrapped, bound);
    return decrypt(dataKey, sealed.subarray(1 + KEY_ID_BYTES + WRAPPED_BYTES), bound).toString();
  }
}

function boundTo({ tenantId, column, rowId }: SealedPlace): Buffer {
  return Buffer.from([tenantId, column, rowId].join('|'));
}

function encrypt(key: Buffer, plain: Buffer, bound: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bound);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, sealed: Buffer, bound: Buffer): Buffer {
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const tag = sealed.subarray(-TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(bound);
  decipher.setAuthTag(tag);
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}
