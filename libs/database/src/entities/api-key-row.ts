import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { KeyMode, Scope } from '#contracts';

/** A row of `api_keys`. */
@Entity('api_keys')
export class ApiKeyRow {
  @PrimaryColumn('text', { name: 'tenant_id' })
  tenantId!: string;

  @PrimaryColumn('text')
  id!: string;

  /** The part of the key that is not secret and finds this row. */
  @Column('text', { name: 'public_id' })
  publicId!: string;

  /** HMAC-SHA256 of the whole key under the pepper. */
  @Column('bytea', { name: 'secret_hash', select: false })
  secretHash!: Buffer;

  @Column('smallint', { name: 'pepper_version' })
  pepperVersion!: number;

  @Column('text')
  name!: string;

  @Column('text')
  mode!: KeyMode;

  @Column('text', { array: true })
  scopes!: Scope[];

  /** Sessions the key may use; null: all of the tenant. */
  @Column('text', { name: 'session_ids', array: true, nullable: true })
  sessionIds!: string[] | null;

  /** Addresses or CIDR ranges the key may be used from; null: any. */
  @Column('text', { name: 'allowed_ips', array: true, nullable: true })
  allowedIps!: string[] | null;

  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt!: Date | null;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt!: Date | null;

  /** The key that took its place when it was rotated. */
  @Column('text', { name: 'replaced_by', nullable: true })
  replacedBy!: string | null;

  @Column('timestamptz', { name: 'last_used_at', nullable: true })
  lastUsedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'created_at', insert: false, update: false })
  createdAt!: Date;
}
