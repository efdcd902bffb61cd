import type { HistoryIndex } from '../history-index.js';
import type { Report } from '../violation.js';

/** I9: an answer to a tenant holds ids of its own only, another's object is "not found", and rows do not mix. */
export function checkTenants(index: HistoryIndex, report: Report): void {
  const { sessions, messages, media, attempts, events = [], client } = index.history;
  const owners = new Map<string, string>();
  for (const { id, tenantId } of [...sessions, ...messages, ...media, ...events]) owners.set(id, tenantId);
  for (const { tenantId } of sessions) owners.set(tenantId, tenantId);
  const isForeign = (tenantId: string, id: string | null) => {
    const owner = id === null ? undefined : owners.get(id);
    return owner !== undefined && owner !== tenantId;
  };
  for (const request of client) {
    for (const id of request.ids) {
      if (isForeign(request.tenantId, id)) report(id, 'was shown to another tenant', { request });
    }
    const { kind, target, status, tenantId } = request;
    const isProbe = kind === 'probe' && target !== undefined && isForeign(tenantId, target);
    if (isProbe && status !== null && status !== 404 && status < 500 && status !== 429) {
      report(target, 'another tenant was not told that it does not exist', { request });
    }
  }
  for (const { tenantId, id, sessionId, mediaId } of messages) {
    if (isForeign(tenantId, sessionId) || isForeign(tenantId, mediaId)) {
      report(id, 'belongs to another tenant than its session or file', { tenantId, sessionId, mediaId });
    }
  }
  for (const { tenantId, messageId } of attempts) {
    if (isForeign(tenantId, messageId)) report(messageId, 'has an attempt of another tenant', { tenantId });
  }
  for (const { tenantId, id, sessionId, messageId } of events) {
    if (isForeign(tenantId, sessionId) || isForeign(tenantId, messageId)) {
      report(id, 'tells of what is another tenant’s', { tenantId, sessionId, messageId });
    }
  }
}
