// aedes with aedes-stats, as tests/brokers.py runs it: node aedes.mjs PORT. Sessions and what waits are in memory, which is
// how most embed it, and end with the process.

import { createServer } from 'node:net'
import { Aedes } from 'aedes'
import stats from 'aedes-stats'

const broker = await Aedes.createBroker()
stats(broker, { interval: 1000 })
createServer(broker.handle).listen(Number(process.argv[2]), '127.0.0.1')
