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
