import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { map, type Observable } from 'rxjs';
import type { ApiReply } from '../http/request.js';
import { IdempotentAnswer } from './idempotent-answer.js';

/** Turns an IdempotentAnswer into the response. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      map((value: unknown) => {
        if (!(value instanceof IdempotentAnswer)) return value;
        const reply = context.switchToHttp().getResponse<ApiReply>();
        void reply.code(value.status);
        if (value.replayed) void reply.header('Idempotent-Replayed', 'true');
        return value.body as unknown;
      }),
    );
  }
}
