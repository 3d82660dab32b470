// privilege - what this process may do, as far as mounting asks for it.
import { readFileSync } from 'node:fs'

export interface Privilege {
  readonly admin: boolean // CAP_SYS_ADMIN, in whatever user namespace
  readonly initialUserNamespace: boolean
}

const capSysAdmin = 21n

export function readPrivilege(): Privilege {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const map = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/).join(' ')
  return { admin: ((BigInt(`0x${effective}`) >> capSysAdmin) & 1n) === 1n, initialUserNamespace: map === '0 0 4294967295' }
}
