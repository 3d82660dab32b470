// index - all families of the conformance suite.
import type { Case } from '../../helpers/case.js'
import { attributes } from './attributes.js'
import { concurrent } from './concurrent.js'
import { create } from './create.js'
import { data } from './data.js'
import { identity } from './identity.js'
import { limits } from './limits.js'
import { links } from './links.js'
import { locks } from './locks.js'
import { lookup } from './lookup.js'
import { readdir } from './readdir.js'
import { remove } from './remove.js'
import { rename } from './rename.js'
import { space } from './space.js'
import { xattr } from './xattr.js'

export const all: Case[] = [
  ...lookup, ...readdir, ...create, ...remove, ...rename, ...links, ...data, ...space, ...locks, ...attributes, ...xattr, ...identity, ...limits,
  ...concurrent,
]
