import type { Invariant } from '../history/violation.js';
import type { Scenario } from './scenarios.js';

/** A change of a built program: text that has to be there, and what stands in its place. */
export interface ProgramPatch {
  /** Below `dist/`. */
  file: string;
  before: string;
  after: string;
}

/** The same for a function of the database, in the words of `pg_get_functiondef`; every place is changed. */
export interface FunctionPatch {
  function: string;
  before: string;
  after: string;
}

/** A bug as somebody might write it, and what makes it visible. */
export interface CodeMutant {
  name: string;
  patches: (ProgramPatch | FunctionPatch)[];
  /** Statements run after the migrations, for what is part of the schema. */
  sql?: string;
  scenario: Scenario;
  /** One of these has to catch it. */
  caughtBy: Invariant[];
}
