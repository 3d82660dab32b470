// errors - the one error type of the control plane, and what a person is told by it.

// USAGE: the command line is wrong. INVALID: layers or mount point cannot be used. ENGINE: the native part is missing.
// MOUNT: the kernel or a helper refused. NOT_MOUNTED, BUSY, UNREACHABLE: about a mount that should be there.
// INDEX: the path index cannot be used. INTERRUPTED: a signal ended a command, which left nothing half done.
export type ErrorCode = 'USAGE' | 'INVALID' | 'ENGINE' | 'MOUNT' | 'NOT_MOUNTED' | 'BUSY' | 'UNREACHABLE' | 'IO' | 'INDEX' | 'INTERRUPTED'

export interface ErrorDetails {
  readonly errno?: string | undefined // "ENOENT"
  readonly syscall?: string | undefined
  readonly path?: string | undefined
  readonly remedy?: string | undefined // what to do about it, as a sentence
  readonly cause?: unknown
}

export class UnionfsError extends Error {
  override readonly name: string = 'UnionfsError'
  readonly errno: string | undefined
  readonly syscall: string | undefined
  readonly path: string | undefined
  readonly remedy: string | undefined

  constructor(
    readonly code: ErrorCode,
    message: string,
    details: ErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.errno = details.errno
    this.syscall = details.syscall
    this.path = details.path
    this.remedy = details.remedy
  }
}

// One thing that is wrong with what a mount was asked for. Warnings do not stop it.
export interface Problem {
  readonly severity: 'error' | 'warning'
  readonly subject: string // "lower 2 (/data/b)"
  readonly reason: string
  readonly remedy: string
}

// All problems of a request at once.
export class ValidationError extends UnionfsError {
  override readonly name = 'ValidationError'

  constructor(readonly problems: readonly Problem[]) {
    super('INVALID', problems.map(describeProblem).join('\n'))
  }
}

export function describeProblem(problem: Problem): string {
  return `${problem.subject}: ${problem.reason}; ${problem.remedy}`
}

// The errno name of a Node or native error, undefined for anything else.
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

// What failed system calls mean to a person. The text of Node and of the engine ("ENOENT: no such file or directory, lstat
// '/x'") names the call, which says nothing to one who did not make it.
const meanings: Readonly<Record<string, readonly [reason: string, remedy: string]>> = {
  EACCES: ['cannot be reached or used with your rights', 'give yourself permission on it and on the directories above it, or do it as root'],
  EBUSY: ['is in use', 'end its users first'],
  EDQUOT: ['does not fit into your quota', 'free some space'],
  EIO: ['cannot be read or written', 'see that the filesystem it lies on is healthy'],
  EISDIR: ['is a directory', 'name a file'],
  ELOOP: ['its symbolic links go in a circle', 'correct the links'],
  EMFILE: ['too many files are open', 'raise the limit on open files: ulimit -n 1024'],
  ENAMETOOLONG: ['has too long a name', 'correct the path'],
  ENFILE: ['too many files are open on this machine', 'raise the limit: sysctl fs.file-max'],
  ENOENT: ['does not exist', 'create it or correct the path'],
  ENOMEM: ['there is not enough memory', 'free some memory'],
  ENOSPC: ['its filesystem is full', 'free some space'],
  ENOTCONN: ['lies on a dead FUSE mount', 'unmount that first'],
  ENOTDIR: ['is not a directory, or lies below what is none', 'name a directory'],
  EPERM: ['may not be used so with your rights', 'do it as root'],
  EROFS: ['lies on a read-only filesystem', 'name a place on a writable one'],
  ESTALE: ['was removed on the server it lies on', 'name it again, or mount that filesystem again'],
}

// Of an errno's name alone.
export function explainErrno(errno: string): { readonly reason: string; readonly remedy: string } {
  const [reason = 'cannot be used', remedy = 'see that the filesystem it lies on is healthy'] = meanings[errno] ?? []
  return { reason: `${reason} (${errno})`, remedy }
}

// "does not exist (ENOENT)" of a failed system call, what a helper program said included; the message of anything else.
export function reasonOf(error: unknown): string {
  const errno = errnoOf(error)
  if (errno === undefined || error instanceof UnionfsError) return messageOf(error)
  const detail = textField(error, 'detail')
  return `${meanings[errno]?.[0] ?? callOf(error)} (${errno})${detail === '' ? '' : `: ${detail}`}`
}

// What a person is told of an error that nobody has put in words before.
export function explainUnforeseen(error: unknown): UnionfsError {
  if (error instanceof UnionfsError) return error
  const errno = errnoOf(error)
  if (errno === undefined || !/^E[A-Z0-9]+$/.test(errno)) {
    return new UnionfsError('IO', `a fault of unionfs itself: ${messageOf(error)}`, { remedy: 'please report it with the command that was given', cause: error })
  }
  if (textField(error, 'syscall') === 'uv_cwd') {
    return new UnionfsError('IO', `the working directory has been removed (${errno})`, { errno, remedy: 'change to one that exists, or give absolute paths only', cause: error })
  }
  const path = textField(error, 'path')
  const remedy = meanings[errno]?.[1] ?? 'see that the filesystem it lies on is healthy'
  return new UnionfsError('IO', `${path === '' ? '' : `${path}: `}${reasonOf(error)}`, { errno, path, remedy, cause: error })
}

function callOf(error: unknown): string {
  const call = textField(error, 'syscall')
  return call === '' ? 'failed' : `${call} failed`
}

function textField(error: unknown, name: string): string {
  const value: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined
  return typeof value === 'string' ? value : ''
}
