import { Injectable } from '@nestjs/common';
import { canonicalChatId, chatKind } from '#contracts';
import { parsePhone } from '../phones/index.js';
import { IdentityRepository } from './identity-repository.js';

/** Reads how a request names a chat or a person other than by our own id. */
@Injectable()
export class PersonReference {
  constructor(private readonly identities: IdentityRepository) {}

  /**
   * The WhatsApp ids under which rows may stand, for a phone number, a LID or another WhatsApp id; a LID and the number
   * beside it give the same where the pair is known. Undefined for what is none of these.
   */
  async formsOf(tenantId: string, reference: string, sessionId?: string): Promise<string[] | undefined> {
    const waId = canonicalChatId(reference.trim());
    if (chatKind(waId)) return this.identities.formsOf(tenantId, waId, sessionId);
    const phone = parsePhone(reference);
    return 'digits' in phone ? [`${phone.digits}@c.us`] : undefined;
  }
}
