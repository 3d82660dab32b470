// acl - the kernel's binary form of a POSIX ACL (version 2: little-endian tag, permissions, id; sorted by tag and id).
export interface Acl {
  user: number
  users?: Record<number, number>
  group: number
  groups?: Record<number, number>
  mask?: number
  other: number
}

const TAG = { userObj: 1, user: 2, groupObj: 4, group: 8, mask: 16, other: 32 } as const
const NO_ID = 0xffffffff

export function acl(rules: Acl): Buffer {
  const entries: Array<[tag: number, permissions: number, id: number]> = [[TAG.userObj, rules.user, NO_ID]]
  for (const [id, permissions] of Object.entries(rules.users ?? {})) entries.push([TAG.user, permissions, Number(id)])
  entries.push([TAG.groupObj, rules.group, NO_ID])
  for (const [id, permissions] of Object.entries(rules.groups ?? {})) entries.push([TAG.group, permissions, Number(id)])
  if (rules.mask !== undefined) entries.push([TAG.mask, rules.mask, NO_ID])
  entries.push([TAG.other, rules.other, NO_ID])
  const out = Buffer.alloc(4 + 8 * entries.length)
  out.writeUInt32LE(2, 0)
  entries.forEach(([tag, permissions, id], i) => {
    out.writeUInt16LE(tag, 4 + 8 * i)
    out.writeUInt16LE(permissions, 6 + 8 * i)
    out.writeUInt32LE(id, 8 + 8 * i)
  })
  return out
}
