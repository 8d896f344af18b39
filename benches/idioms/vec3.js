const N = 3000000;
class Vec3 { constructor(x,y,z){this.x=x;this.y=y;this.z=z;}
 add(o){return new Vec3(this.x+o.x,this.y+o.y,this.z+o.z);}
 sub(o){return new Vec3(this.x-o.x,this.y-o.y,this.z-o.z);}
 scale(k){return new Vec3(this.x*k,this.y*k,this.z*k);}
 dot(o){return this.x*o.x+this.y*o.y+this.z*o.z;} }
let p=new Vec3(0,0,0),v=new Vec3(1,0.5,0.25),g=new Vec3(0,-9.81,0),e=0;
for(let i=0;i<N;i++){ v=v.add(g.scale(0.001)); p=p.add(v.scale(0.001)); const d=p.sub(v); if(d.dot(d)>100) v=v.scale(-0.5); e+=v.dot(v);}
console.log(Math.trunc(e),Math.trunc(p.x*1000),Math.trunc(p.y*1000));
