// A message goes to and fro between two goroutines that are locked to threads.
package main

import (
	"fmt"
	"runtime"
	"time"
)

func main() {
	const n = 100000
	runtime.LockOSThread()
	there, back := make(chan int, 1), make(chan int, 1)
	go func() {
		runtime.LockOSThread()
		for v := range there {
			back <- v + 1
		}
	}()
	v := 0
	play := func(n int) {
		for i := 0; i < n; i++ {
			there <- v
			v = <-back
		}
	}
	play(1000)
	start := time.Now()
	play(n)
	fmt.Println("round_trips_per_second", float64(n)/time.Since(start).Seconds())
}
