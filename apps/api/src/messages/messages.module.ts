import { Module } from '@nestjs/common';
import { ChatsModule } from '../chats/index.js';
import { ContactsModule } from '../contacts/index.js';
import { IdentitiesModule } from '../identities/index.js';
import { MediaModule } from '../media/index.js';
import { NodesModule } from '../nodes/index.js';
import { PacingModule } from '../pacing/index.js';
import { SessionsModule } from '../sessions/index.js';
import { WebhooksModule } from '../webhooks/index.js';
import { AcceptQueue, QueueSignal } from './accept/accept-queue.js';
import { AcceptRepository } from './accept/accept-repository.js';
import { SessionMemory } from './accept/session-memory.js';
import { AttemptRepository } from './dispatcher/attempt-repository.js';
import { CallNotes } from './dispatcher/call-notes.js';
import { ClaimRepository } from './dispatcher/claim-repository.js';
import { Dispatcher } from './dispatcher/dispatcher.js';
import { HeldBackRepository } from './dispatcher/held-back-repository.js';
import { MessageCaller } from './dispatcher/message-caller.js';
import { ReconcileRepository } from './dispatcher/reconcile-repository.js';
import { Reconciler } from './dispatcher/reconciler.js';
import { ResultRepository } from './dispatcher/result-repository.js';
import { ResultWriter } from './dispatcher/result-writer.js';
import { SweepRepository } from './dispatcher/sweep-repository.js';
import { ChatMessagesController } from './chat-messages.controller.js';
import { MessageChanges } from './message-changes.js';
import { MessageEtas } from './message-etas.js';
import { MessageMedia } from './message-media.js';
import { MessagePreview } from './message-preview.js';
import { MessageQueue } from './message-queue.js';
import { MessageRepository } from './message-repository.js';
import { MessageSender } from './message-sender.js';
import { MessageStopper } from './message-stopper.js';
import { MessageWaiter } from './message-waiter.js';
import { MessageWatch } from './message-watch.js';
import { MessagesController } from './messages.controller.js';
import { MessagesService } from './messages.service.js';
import { AckRecorder } from './recorder/ack-recorder.js';
import { ChangeRecorder } from './recorder/change-recorder.js';
import { ContentChanges } from './recorder/content-changes.js';
import { ContentRepository } from './recorder/content-repository.js';
import { EarlyChanges } from './recorder/early-changes.js';
import { MessageRecorder } from './recorder/message-recorder.js';
import { Notices } from './recorder/notices.js';
import { Reactions } from './recorder/reactions.js';
import { RecordedMessages } from './recorder/recorded-messages.js';
import { ToldFactPurge } from './recorder/told-fact-purge.js';
import { MessageSearch } from './search/message-search.js';
import { SearchIndex } from './search/search-index.js';
import { SearchIndexRepository } from './search/search-index-repository.js';
import { TextLane } from './accept/text-lane.js';
import { TimelineController } from './timeline/timeline.controller.js';
import { TimelineRepository } from './timeline/timeline-repository.js';
import { TimelineService } from './timeline/timeline.service.js';
import { StoredAnswers } from './stored-answers.js';

const ACCEPT = [AcceptQueue, AcceptRepository, SessionMemory, StoredAnswers, TextLane];
const DISPATCH = [
  AttemptRepository,
  CallNotes,
  ClaimRepository,
  Dispatcher,
  HeldBackRepository,
  MessageCaller,
  ReconcileRepository,
  Reconciler,
  ResultRepository,
  ResultWriter,
  SweepRepository,
];
const RECORD = [
  AckRecorder,
  ChangeRecorder,
  ContentChanges,
  ContentRepository,
  EarlyChanges,
  MessageRecorder,
  Notices,
  Reactions,
  RecordedMessages,
  ToldFactPurge,
];
const SEARCH = [MessageSearch, SearchIndex, SearchIndexRepository];

/** Messages: accepted, sent, received, read. */
@Module({
  imports: [
    ChatsModule,
    ContactsModule,
    IdentitiesModule,
    MediaModule,
    NodesModule,
    PacingModule,
    SessionsModule,
    WebhooksModule,
  ],
  controllers: [ChatMessagesController, MessagesController, TimelineController],
  providers: [
    ...ACCEPT,
    ...DISPATCH,
    ...RECORD,
    ...SEARCH,
    { provide: QueueSignal, useExisting: Dispatcher },
    MessageChanges,
    MessageEtas,
    MessageMedia,
    MessagePreview,
    MessageQueue,
    MessageRepository,
    MessageSender,
    MessageStopper,
    MessageWaiter,
    MessageWatch,
    MessagesService,
    TimelineRepository,
    TimelineService,
  ],
  exports: [MessageStopper, MessageRepository],
})
export class MessagesModule {}
