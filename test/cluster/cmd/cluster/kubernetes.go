package main

import (
	"os"
	_ "time/tzdata" // CronJobs name time zones

	"github.com/spf13/cobra"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func run(command *cobra.Command, arguments []string) int {
	command.SetArgs(arguments)
	return cli.Run(command)
}

func runAPIServer(arguments []string) int { return run(apiserver.NewAPIServerCommand(), arguments) }

func runControllerManager(arguments []string) int {
	return run(controllermanager.NewControllerManagerCommand(), arguments)
}

func runScheduler(arguments []string) int { return run(scheduler.NewSchedulerCommand(), arguments) }

// runKubectl passes the arguments in os.Args, where kubectl looks for them when it looks for plug-ins.
func runKubectl(arguments []string) int {
	os.Args = append([]string{"kubectl"}, arguments...)
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
	return 0
}
