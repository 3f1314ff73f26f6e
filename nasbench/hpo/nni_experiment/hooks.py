"""What runs inside NNI's manager before its own code, since it has no options for these things."""

from __future__ import annotations

HOST = "127.0.0.1"

# 1. The web page takes commands from anyone who reaches it: it listens on this machine alone.
# 2. The manager's notes about all experiments go to another home than the user's.
# 3. The standard input is a pipe of ours, which ends when we do, even by SIGKILL: stop then.
# 4. On a busy machine the tuner needs more than the 10 seconds that it is given to start, and
#    where it cannot start at all, nobody needs to wait.
# 5. A trial that finds no free GPU is tried again at once, for ever, and the manager never comes
#    to anything else: try again in a second.
SCRIPT = f"""
const net = require("net"), os = require("os"), processes = require("child_process");

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (where, ...rest) {{
  return listen.call(this, ...(typeof where === "number" ? [where, "{HOST}"] : [where]), ...rest);
}};

const home = process.env.NASBENCH_NNI_HOME;
delete process.env.NASBENCH_NNI_HOME;
os.homedir = () => home;

const stop = () => process.kill(process.pid, "SIGTERM");
process.stdin.on("end", stop).resume();

const later = global.setTimeout;
global.setTimeout = (call, delay, ...rest) =>
  later(call, String(call).includes("Tuner did not connect") ? 120000 : delay, ...rest);
global.setTimeout[require("util").promisify.custom] = later[require("util").promisify.custom];

const spawn = processes.spawn;
processes.spawn = (command, words, ...rest) => {{
  const child = spawn(command, words, ...rest);
  if (Array.isArray(words) && words.includes("--exp_params"))
    child.on("exit", (status) => status && stop());
  return child;
}};

const modules = require("module"), load = modules._load;
modules._load = function (...request) {{
  const loaded = load.apply(this, request), service = loaded && loaded.LocalTrainingServiceV3;
  if (service && !service.patient) {{
    const create = service.prototype.createTrial;
    service.patient = true;
    service.prototype.createTrial = async function (...trial) {{
      const id = await create.apply(this, trial);
      if (id === null) await new Promise((done) => later(done, 1000));
      return id;
    }};
  }}
  return loaded;
}};
"""
