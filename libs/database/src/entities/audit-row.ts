import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A row of `audit_log`: who did what to which object. Append only. */
@Entity('audit_log')
export class AuditRow {
  @PrimaryColumn('text', { name: 'tenant_id' })
  tenantId!: string;

  @PrimaryColumn('text')
  id!: string;

  @Column({ type: 'timestamptz', insert: false, update: false })
  at!: Date;

  /** Id of the API key that acted, or `cli`. */
  @Column('text')
  actor!: string;

  /** `<object>.<verb>`, as in `api_key.revoked`. */
  @Column('text')
  action!: string;

  @Column('text', { name: 'target_id', nullable: true })
  targetId!: string | null;

  @Column('text', { name: 'request_id', nullable: true })
  requestId!: string | null;

  @Column('text', { nullable: true })
  ip!: string | null;

  @Column('jsonb')
  detail!: Record<string, unknown>;
}
