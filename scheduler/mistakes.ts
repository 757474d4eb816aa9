// What main.ts says of what went wrong: a mistake that a person can mend has no stack trace.

import { BackupError } from './adapters/backup/backup-error.ts';
import { DataFolderError } from './adapters/durable-file.ts';
import { DataLockedError } from './adapters/journal/data-lock.ts';
import { JournalError } from './adapters/journal/journal-error.ts';
import { ListenError } from './adapters/listening.ts';
import { NatsServerError } from './adapters/nats/nats-server.ts';
import { OverlayError } from './adapters/overlay/init-overlay.ts';
import { SigningKeyError } from './releases/signing-key.ts';

const mistakes = [
  ListenError,
  BackupError,
  DataFolderError,
  DataLockedError,
  JournalError,
  NatsServerError,
  OverlayError,
  SigningKeyError,
];

/** Words for whoever started the program. */
export function wordsFor(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (mistakes.some((kind) => error instanceof kind)) return error.message;
  if ('code' in error && error.code === 'ENOSPC') {
    return `The disk of the data folder is full (${error.message}): free some space on it, then start again. All that was acknowledged is there.`;
  }
  return error.stack ?? error.message;
}
