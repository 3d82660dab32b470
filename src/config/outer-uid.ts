// outer-uid - who we are outside of a user namespace: what belongs to a user is found from inside and outside alike.
import { readFileSync } from 'node:fs'

// The uid outside of a user namespace, so that a mount made inside one is found from outside and the other way round.
export function outerUid(uidMap = readFileSync('/proc/self/uid_map', 'utf8'), uid = process.geteuid?.() ?? 0): number {
  for (const line of uidMap.trim().split('\n')) {
    const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number)
    if (uid >= inside && uid < inside + count) return outside + (uid - inside)
  }
  return uid
}
