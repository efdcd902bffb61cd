import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A row of `nodes`: one session-node, as its newest heartbeat told. */
@Entity('nodes')
export class NodeRow {
  @PrimaryColumn('text')
  name!: string;

  @Column('text')
  url!: string;

  /** Sessions it can run at once. */
  @Column('integer')
  capacity!: number;

  /** Changes at every boot of the node. */
  @Column('text', { name: 'boot_id' })
  bootId!: string;

  @Column('boolean')
  sandbox!: boolean;

  /** Sessions it had at its newest heartbeat. */
  @Column('integer', { name: 'session_count' })
  sessionCount!: number;

  @Column('timestamptz', { name: 'last_seen_at' })
  lastSeenAt!: Date;
}
