// What keeps a backup or a restore from being whole, for the operator who asked for it.

export class BackupError extends Error {
  override readonly name = 'BackupError';
}
