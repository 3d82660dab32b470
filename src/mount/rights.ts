// rights - options that were asked for and that this user cannot have. Left to itself, the kernel or fusermount3 would
// mount without them and say nothing.
import type { EngineOptions } from '../engine/session.js'
import type { Problem } from '../errors.js'
import { readPrivilege, type Privilege } from '../stack/privilege.js'

export function rightsProblems(asked: Pick<EngineOptions, 'dev' | 'suid'>, privilege: Privilege = readPrivilege()): Problem[] {
  if (privilege.admin && privilege.initialUserNamespace) return []
  const problems: Problem[] = []
  const refuse = (subject: string, reason: string): void => {
    problems.push({ severity: 'error', subject, reason, remedy: 'leave it out, or mount as root' })
  }
  if (asked.dev === true) {
    refuse('--dev', privilege.admin ? 'device files work on no FUSE mount that is made in a user namespace' : 'a mount of an ordinary user is nodev: fusermount3 gives no other')
  }
  if (asked.suid === true && !privilege.admin) refuse('--suid', 'a mount of an ordinary user is nosuid: fusermount3 gives no other')
  return problems
}
