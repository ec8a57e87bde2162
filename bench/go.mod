module yett.dev/bench

go 1.24
