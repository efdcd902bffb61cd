import { boot } from './boot.js';

type Module = object;

const modules = new Map<string, Module>();
let report: (name: string) => void = () => undefined;
let hidden: () => string[] = () =>
  boot.faults.flatMap((f) => (f.kind === 'missingModule' ? [f.name ?? ''] : []));

/** Told of every module or member that page code asked for and that does not exist. */
export function onMissing(handler: (name: string) => void): void {
  report = handler;
}

/** Modules that a fault takes away. */
export function hideModules(names: () => string[]): void {
  hidden = names;
}

/** A module is a plain object whose members page code may read and replace. */
export function defineModule(name: string, members: Module): void {
  modules.set(name, typeof members === 'function' ? members : countMissing(name, members));
}

export function defineModules(table: Record<string, Module>): void {
  for (const [name, members] of Object.entries(table)) defineModule(name, members);
}

/** `window.require`: throws an error that names the module that does not exist. */
export function requireModule(name: string): Module {
  const found = hidden().includes(name) ? undefined : modules.get(name);
  if (found !== undefined) return found;
  report(name);
  throw new Error(`Requiring unknown module "${name}"`);
}

/** Members that code looks for on any object, which say nothing about the module. */
const ORDINARY = new Set([
  'then',
  'toJSON',
  'constructor',
  'default',
  '__esModule',
  'toString',
  'valueOf',
  'nodeType',
]);

function countMissing(name: string, members: Module): Module {
  return new Proxy(members, {
    get(target, member, receiver) {
      if (typeof member === 'string' && !(member in target) && !ORDINARY.has(member)) {
        report(`${name}.${member}`);
      }
      return Reflect.get(target, member, receiver) as unknown;
    },
  });
}
