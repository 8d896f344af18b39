
class Task{constructor(i,p,l,w){this.id=i;this.prio=p;this.left=l;this.waited=w}}
class Sched{constructor(){this.queue=[];this.clock=0;this.done=0;this.log=7}
add(t){this.queue.push(t)}
pick(){let b=0;for(let i=0;i<this.queue.length;i++)if(this.queue[i].prio+Math.trunc(this.queue[i].waited/10)>this.queue[b].prio+Math.trunc(this.queue[b].waited/10))b=i;return b}
tick(){const i=this.pick();const t=this.queue[i];t.left--;this.clock++;for(let j=0;j<this.queue.length;j++)this.queue[j].waited++;t.waited=0;if(t.left==0){this.done++;this.log=(this.log*31+t.id)%1000003;const last=this.queue.pop();if(i<this.queue.length)this.queue[i]=last}else this.queue[i]=t}}
const s=new Sched();for(let i=0;i<800;i++)s.add(new Task(i,i*7%13,i%5+1,0));while(s.queue.length>0)s.tick();console.log(s.clock,s.done,s.log)