import type { HistoryIndex } from '../history-index.js';
import type { MediaRecord, PushedMessage } from '../history.js';
import type { Report } from '../violation.js';

/** I11: a file that is stored, and one that is handed over, is byte for byte what was sent; the others say why not. */
export function checkMedia(index: HistoryIndex, report: Report): void {
  const { history } = index;
  const mediaById = new Map(history.media.map((media) => [media.id, media]));
  for (const message of index.outbound()) {
    const wish = index.sentByRef.get(message.clientRef ?? '');
    if (!wish) continue;
    for (const handOver of index.handOversOf(message)) {
      if (handOver.sha256 !== wish.sha256)
        report(message.id, 'left with other bytes than were given', { wish, handOver });
    }
  }
  const pushed = new Map(
    history.pushed.map((one) => [`${index.sessionOfPhone.get(one.to) ?? ''} ${one.waMessageId}`, one]),
  );
  for (const message of history.messages.filter(({ direction }) => direction === 'in')) {
    const sent = pushed.get(`${message.sessionId} ${message.waMessageId ?? ''}`);
    const media = mediaById.get(message.mediaId ?? '');
    if (sent && !sent.isOpaque) checkInboundFile(message.id, sent, media, report);
  }
  for (const { mediaId, sha256 } of history.objects) {
    const media = mediaById.get(mediaId);
    if (media?.sha256 !== sha256)
      report(mediaId, 'is downloaded with another hash than it is stored with', { media, sha256 });
  }
}

function checkInboundFile(
  id: string,
  sent: PushedMessage,
  media: MediaRecord | undefined,
  report: Report,
): void {
  if (sent.sha256 === null) {
    if (media) report(id, 'has a file that nobody sent', { sent, media });
    return;
  }
  if (!media) report(id, 'lost its file', { sent });
  else if (media.state === 'stored') {
    if (media.sha256 !== sent.sha256)
      report(id, 'is stored with other bytes than were sent', { sent, media });
  } else if (media.state === 'pending') report(id, 'still waits for its file', { sent, media });
  else if (!sent.isDamaged)
    report(id, `its file is ${media.state} although nothing was wrong with it`, { sent, media });
  else if (media.error === null) report(id, `its file is ${media.state} without a reason`, { sent, media });
}
