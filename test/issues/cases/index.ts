// index - all regression cases.
import type { Case } from '../../helpers/case.js'
import { bigTrees } from './big-trees.js'
import { markers } from './markers.js'

export const all: Case[] = [...bigTrees, ...markers]
