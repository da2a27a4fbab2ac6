"""The demo: three VMs behind a balancer, rebooted one after another under live traffic."""
