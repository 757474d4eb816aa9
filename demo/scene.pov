// The picture of the demo: a punnet of berries on a table. Everything is computed from the loops
// below, so that each tile renders alone and exactly as in the whole picture.
#version 3.7;
global_settings { assumed_gamma 1.0 max_trace_level 12 }

camera { location <0, 5.2, -8.6> look_at <0, 0.75, 0.2> angle 40 right x*4/3 }
light_source { <6, 12, -8> color rgb <1, 0.96, 0.9> area_light <1.6,0,0>, <0,0,1.6>, 5, 5 }
light_source { <-8, 6, -4> color rgb <0.25, 0.3, 0.4> shadowless }
sky_sphere { pigment { gradient y color_map { [0 rgb <0.85,0.9,0.95>] [1 rgb <0.35,0.5,0.8>] } } }

plane {
  y, 0
  pigment { wood turbulence 0.05 scale 0.9 rotate y*35
    color_map { [0 rgb <0.55,0.36,0.2>] [1 rgb <0.42,0.26,0.14>] } }
  finish { diffuse 0.8 reflection { 0.04, 0.18 } specular 0.15 }
}

// The basket: slats around a box, and a floor.
#declare Slat = texture {
  pigment { color rgb <0.86, 0.72, 0.48> }
  normal { ripples 0.15 scale 0.3 }
  finish { diffuse 0.75 specular 0.1 }
}
#declare I = 0;
#while (I < 9)
  box { <-2.3 + I*0.52, 0, -1.55>, <-1.95 + I*0.52, 1.05, -1.47> texture { Slat } }
  box { <-2.3 + I*0.52, 0, 1.47>, <-1.95 + I*0.52, 1.05, 1.55> texture { Slat } }
  #declare I = I + 1;
#end
box { <-2.35, 0.85, -1.6>, <2.4, 1.05, -1.52> texture { Slat } }
box { <-2.35, 0.85, 1.52>, <2.4, 1.05, 1.6> texture { Slat } }
box { <-2.4, 0, -1.6>, <-2.32, 1.05, 1.6> texture { Slat } }
box { <2.38, 0, -1.6>, <2.46, 1.05, 1.6> texture { Slat } }
box { <-2.35, 0, -1.55>, <2.4, 0.12, 1.55> texture { Slat } }

// The berries: spheres covered with small spheres, and glassy ones between them.
#declare Seed = seed(29);
#macro Berry(X, Y, Z, R, Hue)
  #local N = 0;
  union {
    sphere { 0, R*0.86 }
    #while (N < 46)
      #local Theta = N * 2.399963;
      #local H = 1 - 2*(N + 0.5)/46;
      #local W = sqrt(1 - H*H);
      sphere { <W*cos(Theta), H, W*sin(Theta)> * R * 0.8, R*0.25 }
      #local N = N + 1;
    #end
    translate <X, Y, Z>
    pigment { color Hue }
    finish { diffuse 0.65 specular 0.55 roughness 0.012 reflection 0.06 }
  }
#end
#declare Row = 0;
#while (Row < 5)
  #declare Col = 0;
  #while (Col < 8)
    #declare Jx = (rand(Seed) - 0.5) * 0.16;
    #declare Jz = (rand(Seed) - 0.5) * 0.16;
    #declare Lift = 0.62 + 0.42*rand(Seed);
    #declare Kind = rand(Seed);
    #if (Kind < 0.75)
      Berry(-1.95 + Col*0.56 + Jx, Lift, -1.14 + Row*0.57 + Jz, 0.33,
        rgb <0.66 + 0.25*rand(Seed), 0.03 + 0.05*rand(Seed), 0.12 + 0.1*rand(Seed)>)
    #else
      sphere { <-1.95 + Col*0.56 + Jx, Lift, -1.14 + Row*0.57 + Jz>, 0.31
        pigment { color rgbf <0.35, 0.38, 0.75, 0.55> }
        finish { diffuse 0.35 specular 0.8 roughness 0.004 reflection { 0.05, 0.4 fresnel on } conserve_energy }
        interior { ior 1.35 } }
    #end
    #declare Col = Col + 1;
  #end
  #declare Row = Row + 1;
#end
