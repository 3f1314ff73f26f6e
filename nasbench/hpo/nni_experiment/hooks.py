"""What runs inside NNI's manager before its own code, since it has no options for these things."""

from __future__ import annotations

HOST = "127.0.0.1"

# 1. The web page takes commands from anyone who reaches it: it listens on this machine alone.
# 2. The manager's notes about all experiments go to another home than the user's.
# 3. The standard input is a pipe of ours, which ends when we do, even by SIGKILL: stop then.
# 4. On a busy machine the tuner needs more than the 10 seconds that it is given to start. Without
#    a tuner the manager waits for ever: stop.
# 5. NNI 3.0 gives parameters to whichever trial asks first, and books them for another. Its tables
#    are wrong then, and its TPE crashes. A trial whose id is known beforehand gets its own.
# 6. A trial that finds no free GPU is tried again at once, for ever, and the manager never comes
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
  later(call, String(call).includes("Tuner did not connect") ? 300000 : delay, ...rest);
global.setTimeout[require("util").promisify.custom] = later[require("util").promisify.custom];

const spawn = processes.spawn;
processes.spawn = (command, words, ...rest) => {{
  const child = spawn(command, words, ...rest);
  if (Array.isArray(words) && words.includes("--exp_params"))
    child.on("exit", stop);
  return child;
}};

const wait = () => new Promise((done) => later(done, 1000));
const mend = {{
  V3asV1(service) {{
    const submit = service.submitTrialJob;
    service.submitTrialJob = async function (form) {{
      await this.startDeferred.promise;
      const id = require("crypto").randomUUID().slice(0, 8);
      return submit.call(this, {{ id, envId: this.schedule(), ...form }});
    }};
  }},
  LocalTrainingServiceV3(service) {{
    const create = service.createTrial;
    service.createTrial = async function (...trial) {{
      for (;;) {{
        const id = await create.apply(this, trial);
        if (id !== null) return id;
        await wait();
      }}
    }};
  }},
}};
const modules = require("module"), load = modules._load;
modules._load = function (...request) {{
  const loaded = load.apply(this, request);
  for (const name of Object.keys(mend))
    if (loaded && loaded[name]) {{
      mend[name](loaded[name].prototype);
      delete mend[name];
    }}
  return loaded;
}};
"""
