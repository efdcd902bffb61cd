import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A row of `contacts`: one person a session knows. */
@Entity('contacts')
export class ContactRow {
  @PrimaryColumn('text', { name: 'tenant_id' })
  tenantId!: string;

  @PrimaryColumn('text')
  id!: string;

  @Column('text', { name: 'session_id' })
  sessionId!: string;

  /** `…@c.us` when the phone is known, else `…@lid`. */
  @Column('text', { name: 'wa_id' })
  waId!: string;

  @Column('text', { nullable: true })
  phone!: string | null;

  @Column('text', { nullable: true })
  lid!: string | null;

  @Column('text', { nullable: true })
  name!: string | null;

  @Column({ type: 'timestamptz', name: 'created_at', insert: false, update: false })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', insert: false })
  updatedAt!: Date;
}
