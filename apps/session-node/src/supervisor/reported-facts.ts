import { isNotice, type ChangeFact, type InboxFact, type NoticeFact } from '../drivers/driver.js';

/** Several times what a page signals between two sweeps. */
const REMEMBERED_MAX = 20_000;
/** Of a vote whose choices are not known. */
const UNNAMED = 'unnamed';

/**
 * What was reported lately, so that overlapping reads are not sent again and again. Only an economy: what is
 * forgotten is told once more, and every fact is safe to repeat.
 */
export class ReportedFacts {
  private readonly forms = new Map<string, string>();

  /**
   * Those that were not reported in this form. Behind a message that is news, its changes are news as well: they may
   * have been told before it, when nobody knew it.
   */
  news(facts: readonly InboxFact[]): InboxFact[] {
    const fresh = new Set<string>();
    return facts.filter((fact) => {
      if (fact.kind === 'message.ack') return this.isHigherAck(fact);
      if (isNotice(fact)) return this.isNewNotice(fact);
      if (fact.kind !== 'message.upsert') return this.isNewChange(fact) || fresh.has(fact.target.waKey);
      const { waKey } = fact.message;
      const isKnown = this.typeOf(waKey) !== '';
      if (!this.isNewForm(fact)) return false;
      if (!isKnown) fresh.add(waKey);
      return true;
    });
  }

  /** It did not get through: it is news again. */
  forget(fact: InboxFact): void {
    for (const key of keysOf(fact)) this.forms.delete(key);
  }

  clear(): void {
    this.forms.clear();
  }

  /** Empty while only acks of it were reported. */
  private typeOf(waKey: string): string {
    return this.forms.get(waKey)?.split('|')[0] ?? '';
  }

  private isHigherAck({ waKey, ack: risen }: Extract<InboxFact, { kind: 'message.ack' }>): boolean {
    const [, ack] = this.forms.get(waKey)?.split('|') ?? [];
    if (ack !== undefined && Number(ack) >= risen && risen >= 0) return false;
    this.remember(waKey, `${this.typeOf(waKey)}|${risen}`);
    return true;
  }

  /** The page can lose what it could read: only content in place of none is news. */
  private isNewForm({ message }: Extract<InboxFact, { kind: 'message.upsert' }>): boolean {
    const { waKey, content, ack: now } = message;
    const [, ack] = this.forms.get(waKey)?.split('|') ?? [];
    const type = this.typeOf(waKey);
    const isKnown = type !== '';
    const isReadable = type === 'undecryptable' && content.type !== 'undecryptable';
    if (isKnown && !isReadable && Number(ack) >= (now ?? 0)) return false;
    this.remember(waKey, `${isKnown && !isReadable ? type : content.type}|${now ?? 0}`);
    return true;
  }

  private isNewChange(fact: ChangeFact): boolean {
    const known = keysOf(fact).map((key) => this.forms.get(key));
    const now = formsOf(fact);
    const isNews = now.some((form, index) => form !== known[index]);
    if (!isNews) return false;
    for (const [index, key] of keysOf(fact).entries()) this.remember(key, now[index] ?? '');
    // All reactions as they were told last are not those that stand now.
    if (fact.kind === 'message.reactions' && fact.wholeAt === null) this.forms.delete(wholeKey(fact));
    return true;
  }

  private isNewNotice(fact: NoticeFact): boolean {
    const [key = ''] = keysOf(fact);
    const form = fact.kind === 'poll.vote' ? fact.at : 'told';
    const isFull = fact.kind !== 'poll.vote' || fact.choices !== null;
    const known = this.forms.get(key);
    // A vote that names its choices is news behind one that does not, and not the other way round.
    if (known === form || (!isFull && known === `${form} ${UNNAMED}`)) return false;
    this.remember(key, isFull ? form : `${form} ${UNNAMED}`);
    return true;
  }

  private remember(key: string, form: string): void {
    this.forms.delete(key);
    this.forms.set(key, form);
    if (this.forms.size <= REMEMBERED_MAX) return;
    const [oldest] = this.forms.keys();
    if (oldest !== undefined) this.forms.delete(oldest);
  }
}

/** Under which keys a fact is remembered; a change apart from its message. */
function keysOf(fact: InboxFact): string[] {
  switch (fact.kind) {
    case 'message.upsert':
      return [fact.message.waKey];
    case 'message.ack':
      return [fact.waKey];
    case 'message.edit':
      return [`edit ${fact.target.waKey}`];
    case 'message.revoke':
      return [`revoke ${fact.target.waKey}`];
    case 'message.reactions': {
      const { waKey } = fact.target;
      if (fact.wholeAt !== null) return [wholeKey(fact)];
      return fact.reactions.map(({ sender, fromMe }) => `reaction ${waKey} ${fromMe ? 'me' : sender.id}`);
    }
    case 'call':
      return [`call ${fact.callId}`];
    case 'group.change':
      return [`group ${fact.chat.id} ${fact.waMessageId} ${fact.change}`];
    case 'poll.vote':
      return [`vote ${fact.target.waKey} ${fact.fromMe ? 'me' : fact.voter.id}`];
  }
}

function wholeKey({ target }: ChangeFact): string {
  return `reactions ${target.waKey}`;
}

function formsOf(fact: ChangeFact): string[] {
  if (fact.kind === 'message.edit') return [fact.editedAt];
  if (fact.kind === 'message.revoke') return ['revoked'];
  const forms = fact.reactions.map(
    ({ sender, fromMe, emoji, at }) => `${fromMe ? 'me' : sender.id} ${emoji ?? ''} ${at}`,
  );
  return fact.wholeAt === null ? forms : [forms.sort().join('|')];
}
