"""Changes a vCenter as another client would, with pyVmomi.

usage: vm.py HOST PORT USER PASSWORD CAFILE rename OLD NEW | create NAME | off NAME | destroy NAME
Prints the seconds since the epoch at which vCenter had answered.
"""

import ssl
import sys
import time

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim


def wait(task):
    while task.info.state not in ("success", "error"):
        time.sleep(0.02)
    if task.info.state == "error":
        raise task.info.error


def find(content, kind, name=None):
    view = content.viewManager.CreateContainerView(content.rootFolder, [kind], True)
    try:
        return next(o for o in view.view if name is None or o.name == name)
    finally:
        view.Destroy()


def create(content, name):
    datacenter = find(content, vim.Datacenter)
    cluster = find(content, vim.ClusterComputeResource)
    spec = vim.vm.ConfigSpec(
        name=name,
        guestId="otherGuest",
        numCPUs=1,
        memoryMB=64,
        files=vim.vm.FileInfo(vmPathName=f"[{datacenter.datastore[0].name}]"),
    )
    wait(datacenter.vmFolder.CreateVM_Task(spec, cluster.resourcePool))


def main(host, port, user, password, ca, action, name, new=None):
    connection = SmartConnect(
        host=host, port=int(port), user=user, pwd=password, sslContext=ssl.create_default_context(cafile=ca)
    )
    content = connection.RetrieveContent()
    if action == "create":
        create(content, name)
    else:
        vm = find(content, vim.VirtualMachine, name)
        wait({"rename": lambda: vm.Rename_Task(new), "off": vm.PowerOffVM_Task, "destroy": vm.Destroy_Task}[action]())
    print(time.time())
    Disconnect(connection)


main(*sys.argv[1:])
