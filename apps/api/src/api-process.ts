import { randomBytes } from 'node:crypto';

const PREFIX = 'wagate-api';

/**
 * Who this process is to others that share its work. Its database connections carry the name, so that everyone can
 * see in `pg_stat_activity` whether it lives: what a killed process had begun is free the moment its connections end.
 */
export class ApiProcess {
  readonly name = `${PREFIX}-${randomBytes(6).toString('hex')}`;
}
