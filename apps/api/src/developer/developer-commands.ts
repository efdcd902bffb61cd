import { InvalidArgumentError, Option, type Command } from 'commander';
import { listen, type ListenArguments } from './listen-command.js';
import {
  listSessions,
  sendText,
  showQr,
  trigger,
  TRIGGER_TYPES,
  type SendArguments,
  type TriggerArguments,
} from './session-commands.js';

export interface Printers {
  print: (json: boolean | undefined, result: Record<string, unknown>) => void;
  printList: (json: boolean | undefined, rows: Record<string, unknown>[]) => void;
}

const json = ['--json', 'print JSON'] as const;

/** Adds the commands that speak to the API, as a program of a tenant does: listen, trigger, send, sessions, qr. */
export function addDeveloperCommands(program: Command, { print, printList }: Printers): void {
  program
    .command('listen')
    .description('show events as they happen, and post them, signed, to a URL on this machine')
    .option('--forward <url>', 'where to post them, such as http://localhost:3000/hook', parseUrl)
    .option('--secret <whsec>', 'secret to sign with; a new one is printed unless told')
    .option('--after <seq>', 'begin behind this event; 0: with the oldest', parseSeq)
    .option('--types <list>', 'comma-separated types')
    .option('--session <session>', 'id or name of a session')
    .option(...json)
    .action((options: ListenArguments) => listen(options));
  program
    .command('trigger')
    .description(`let something happen on the simulator: ${TRIGGER_TYPES.join(', ')}`)
    .argument('<type>', 'type of the event')
    .requiredOption(
      '--session <session>',
      'id or name of a session that is linked to a phone of the simulator',
    )
    .option('--from <phone>', 'phone that does it')
    .option('--text <text>', 'what it writes')
    .option(...json)
    .action((type: string, { json: asJson, ...options }: TriggerArguments & { json?: true }) =>
      trigger(type, options, print, asJson),
    );
  addSessionCommands(program, { print, printList });
}

function addSessionCommands(program: Command, { print, printList }: Printers): void {
  program
    .command('send')
    .description('send a text')
    .requiredOption('--to <recipient>', 'phone number or chat id')
    .requiredOption('--text <text>', 'what to say')
    .option('--session <session>', 'id or name; may be left out when there is one')
    .addOption(new Option('--wait <status>', 'until it got that far').choices(['sent', 'delivered']))
    .option(...json)
    .action(async ({ json: asJson, ...options }: SendArguments & { json?: true }) =>
      print(asJson, await sendText(options)),
    );
  program
    .command('sessions')
    .description('list the sessions')
    .option(...json)
    .action(async ({ json: asJson }: { json?: true }) => printList(asJson, await listSessions()));
  program
    .command('qr')
    .description('start a session and show its QR code here')
    .argument('<session>', 'id or name')
    .option(...json)
    .action(async (session: string, { json: asJson }: { json?: true }) =>
      print(asJson, await showQr(session)),
    );
}

function parseUrl(text: string): string {
  const isUrl = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (!isUrl) throw new InvalidArgumentError('must be a complete URL, http or https');
  return text;
}

function parseSeq(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('must be the seq of an event, or 0');
  return Number(text);
}
